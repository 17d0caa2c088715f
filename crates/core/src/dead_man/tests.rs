//! The dead-man switch over days that pass in no time.

use super::*;

const HOUR_MS: u64 = 60 * 60 * 1000;
const START: u64 = 1_767_355_200_000;

/// A machine's clock and a process; the switch is looked at every hour, unless time is set.
struct Machine {
    now: Moment,
    switch: DeadMan,
}

impl Machine {
    /// Returns a switch with a check-in now.
    fn new(after_days: u32) -> Self {
        let now = Moment { wall: WallTime(START), running_ms: 0 };
        let switch = DeadMan::new(Config { after_days, keys: false }, None, now).expect("a switch");
        Self { now, switch }
    }

    fn look(&mut self) -> Verdict {
        self.switch.look(self.now)
    }

    /// Runs for some hours, and returns the last state.
    fn run_hours(&mut self, hours: u64) -> Verdict {
        let mut last = Verdict::Quiet;
        for _ in 0..hours {
            self.now.wall = self.now.wall.plus(HOUR_MS);
            self.now.running_ms += HOUR_MS;
            last = self.look();
        }
        last
    }

    /// Sets the clock.
    fn set(&mut self, wall: u64) -> Verdict {
        self.now.wall = WallTime(wall);
        self.look()
    }

    /// Ends the process, and begins another one `hours` later.
    fn restart_after(&mut self, hours: u64) -> Verdict {
        let marks = Marks::read(&self.switch.marks().write()).expect("what was written");
        self.now = Moment { wall: self.now.wall.plus(hours * HOUR_MS), running_ms: 0 };
        self.switch = DeadMan::new(self.switch.settings, Some(marks), self.now).expect("a switch");
        self.look()
    }
}

#[test]
fn there_is_none_unless_it_was_asked_for() {
    let now = Moment { wall: WallTime(START), running_ms: 0 };
    assert!(DeadMan::new(Config::default(), None, now).is_none());
}

#[test]
fn it_warns_in_the_last_quarter_and_is_due_to_the_hour() {
    let mut machine = Machine::new(4);
    assert_eq!(machine.run_hours(72), Verdict::Quiet);
    assert!(!machine.switch.figures().low);
    assert_eq!(machine.run_hours(1), Verdict::Low);
    assert_eq!((machine.switch.figures().left_s, machine.switch.figures().low), (23 * 3600, true));
    assert_eq!(machine.run_hours(22), Verdict::Low);
    assert_eq!(machine.run_hours(1), Verdict::Due);
}

#[test]
fn a_check_in_begins_it_anew() {
    let mut machine = Machine::new(4);
    machine.run_hours(95);
    machine.switch.check_in(machine.now);
    assert_eq!(machine.run_hours(72), Verdict::Quiet);
    assert_eq!(machine.run_hours(24), Verdict::Due);
    machine.switch.wiped();
    machine.switch.check_in(machine.now);
    assert_eq!(machine.run_hours(1), Verdict::Quiet);
}

#[test]
fn when_nobody_comes_back_it_wipes_once_a_day() {
    let mut machine = Machine::new(1);
    assert_eq!(machine.run_hours(24), Verdict::Due);
    machine.switch.wiped();
    assert_eq!(machine.run_hours(23), Verdict::Wiped);
    assert_eq!(machine.run_hours(1), Verdict::Due);
}

#[test]
fn the_last_check_in_outlives_restarts_every_day() {
    let mut machine = Machine::new(4);
    for _ in 0..3 {
        machine.run_hours(23);
        assert_ne!(machine.restart_after(1), Verdict::Due);
    }
    assert_eq!(machine.run_hours(23), Verdict::Low);
    assert_eq!(machine.run_hours(1), Verdict::Due);
}

#[test]
fn a_clock_that_jumps_ahead_leaves_a_day_of_running_time() {
    let mut machine = Machine::new(4);
    machine.run_hours(1);
    assert_eq!(machine.set(START + 400 * DAY_MS), Verdict::Quiet);
    assert_eq!(machine.switch.figures().left_s, 24 * 3600);
    assert_eq!(machine.run_hours(23), Verdict::Low);
    // Anyone who starts it again begins that day anew, and does not end it.
    assert_eq!(machine.restart_after(0), Verdict::Quiet);
    assert_eq!(machine.run_hours(23), Verdict::Low);
    assert_eq!(machine.run_hours(1), Verdict::Due);
}

#[test]
fn a_clock_that_is_put_right_again_counts_for_nothing() {
    let mut machine = Machine::new(4);
    machine.run_hours(1);
    machine.set(START + 400 * DAY_MS);
    machine.run_hours(5);
    assert_eq!(machine.set(START + 6 * HOUR_MS), Verdict::Quiet);
    assert_eq!(machine.run_hours(89), Verdict::Low);
    assert_eq!(machine.run_hours(1), Verdict::Due);
}

#[test]
fn a_machine_that_begins_in_1970_and_then_learns_the_time_goes_on_where_it_was() {
    let mut machine = Machine::new(4);
    machine.run_hours(24);
    machine.now.wall = WallTime(0);
    assert_eq!(machine.restart_after(0), Verdict::Quiet);
    assert_eq!(machine.set(START + 25 * HOUR_MS), Verdict::Quiet);
    assert_eq!(machine.switch.figures().left_s, 71 * 3600);
    assert_eq!(machine.run_hours(71), Verdict::Due);
}

#[test]
fn a_clock_that_is_set_back_does_not_put_it_off() {
    let mut machine = Machine::new(4);
    machine.run_hours(48);
    machine.set(START - 30 * DAY_MS);
    assert_eq!(machine.run_hours(47), Verdict::Low);
    assert_eq!(machine.run_hours(1), Verdict::Due);
}

#[test]
fn a_machine_that_was_off_for_too_long_leaves_a_day_and_one_that_was_off_for_an_hour_does_not() {
    let mut machine = Machine::new(4);
    machine.run_hours(1);
    assert_eq!(machine.restart_after(500), Verdict::Quiet);
    assert_eq!(machine.run_hours(24), Verdict::Due);

    let mut machine = Machine::new(4);
    machine.run_hours(95);
    assert_eq!(machine.restart_after(1), Verdict::Due);
}

#[test]
fn marks_are_two_times_and_nothing_else() {
    let marks = Marks { checked_in: WallTime(START), seen: WallTime(START + 1) };
    assert_eq!(marks.write(), "2026-01-02T12:00:00.000Z\n2026-01-02T12:00:00.001Z\n");
    assert_eq!(Marks::read(&marks.write()), Some(marks));
    assert!(marks.write().len() <= Marks::BYTES);
    for text in ["", "x", "2026-01-02T12:00:00.000Z\n", "2026-01-02T12:00:00.000Z\n2026-01-02T12:00:00.001Z\nx\n"] {
        assert_eq!(Marks::read(text), None, "{text:?}");
    }
}

#[test]
fn a_check_in_elsewhere_counts_from_its_own_time_and_an_older_one_does_not() {
    let mut machine = Machine::new(2);
    assert_eq!(machine.run_hours(40), Verdict::Low);
    let at = WallTime(machine.now.wall.0 - 10 * HOUR_MS);
    let now = machine.now;
    assert!(!machine.switch.checked_in_at(WallTime(START), now), "it is known");
    assert!(machine.switch.checked_in_at(at, now));
    assert_eq!(machine.look(), Verdict::Quiet);
    assert_eq!(machine.switch.figures().left_s, 38 * 3600);
    assert!(!machine.switch.checked_in_at(at, now), "the same one, again");
    assert_eq!(machine.run_hours(37), Verdict::Low);
    assert_eq!(machine.run_hours(1), Verdict::Due, "it is not put off for ever");
}
