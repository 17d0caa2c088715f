//! Who gives way, under floods of every shape.

use super::*;

const NOW: Duration = Duration::from_secs(1000);

fn v4(number: u32) -> PeerKey {
    PeerKey::V4(number.to_be_bytes(), 32)
}

fn v6(prefix: u64) -> PeerKey {
    PeerKey::V6(prefix.to_be_bytes(), 64)
}

/// Tries three times to stay for five seconds while a flood of `peer(n)`, so many a second, takes
/// slots and never gives one back. There are 64 slots, a quarter of the default. Returns whether it
/// was still there, each time.
fn stays(a_second: u32, own: PeerKey, peer: impl Fn(u32) -> PeerKey) -> [bool; 3] {
    stays_after(Duration::from_secs(20), a_second, own, peer)
}

/// Tells the same of a flood that has gone on for so long.
fn stays_after(begun: Duration, a_second: u32, own: PeerKey, peer: impl Fn(u32) -> PeerKey) -> [bool; 3] {
    let mut table = SlotTable::new(64);
    let step = Duration::from_secs(1) / a_second;
    let mut now = NOW;
    let mut number = 0;
    let mut flood = |table: &mut SlotTable, now: &mut Duration, time: Duration| {
        let until = *now + time;
        while *now < until {
            table.take(*now, peer(number), false);
            number += 1;
            *now += step;
        }
    };
    flood(&mut table, &mut now, begun);
    [(); 3].map(|()| {
        let Some(taken) = table.take(now, own, false) else { return false };
        flood(&mut table, &mut now, Duration::from_secs(5));
        let stayed = !taken.lost.is_cancelled();
        table.release(now, taken.number, stayed);
        assert!(table.len() <= 64);
        stayed
    })
}

#[test]
fn a_newcomer_stays_five_seconds_under_every_flood_of_peers_within_their_limits() {
    let own = v4(u32::MAX);
    assert_eq!(stays(100, own, |_| v4(1)), [true; 3], "one peer");
    assert_eq!(stays(32, own, |number| v4(number % 20)), [true; 3], "20 peers, 95 a minute each");
    assert_eq!(stays(79, own, |number| v4(number % 50)), [true; 3], "50 peers, 95 a minute each");
    assert_eq!(stays(250, own, |number| v4(number % 160)), [true; 3], "160 peers, 95 a minute each");
    let minute = Duration::from_secs(60);
    let seldom = |number| v4(number % 1000);
    assert_eq!(stays_after(minute, 100, own, seldom), [true; 3], "1000 peers, six a minute each, once they are known");
    // Each is a new peer that nobody knows, but for its network.
    let network = |number: u32| v6(0x2001_0db8_0000_0000 | u64::from(number % 65_536));
    assert_eq!(stays(250, own, network), [true; 3], "a /48 whose every /64 comes once");
    let provider = |number: u32| v6(0x2001_0db8_0000_0000 | (u64::from(number) << 16));
    assert_eq!(stays(250, own, provider), [true; 3], "a /32 whose every /48 comes once");
    let neighbour = v6(0x2001_0db9_0000_0000);
    assert_eq!(stays(250, neighbour, network), [true; 3], "a newcomer over IPv6");
    let circuits = |number: u32| PeerKey::Circuit(u64::from(number / 8));
    assert_eq!(stays(50, PeerKey::Circuit(u64::MAX), circuits), [true; 3], "six new circuits a second, eight streams");
}

/// Has 50 newcomers come, one after the other, while a flood of `peer(n)`, so many a second, takes
/// slots. Returns how many get one, and how many of these still have it five seconds later.
fn get_in_and_stay(a_second: u32, peer: impl Fn(u32) -> PeerKey) -> (usize, usize) {
    let mut table = SlotTable::new(64);
    let step = Duration::from_secs(1) / a_second;
    let mut now = NOW;
    let mut number = 0;
    let mut flood = |table: &mut SlotTable, now: &mut Duration, time: Duration| {
        let until = *now + time;
        while *now < until {
            table.take(*now, peer(number), false);
            number += 1;
            *now += step;
        }
    };
    flood(&mut table, &mut now, Duration::from_secs(120));
    let mut got_in = 0;
    let mut stayed = 0;
    for own in 0..50 {
        // At moments that are not in step with the flood's.
        let taken = table.take(now + step.mul_f64(f64::from(own) / 50.0), v4(u32::MAX - own), false);
        flood(&mut table, &mut now, UNDISTURBED);
        if let Some(taken) = taken {
            got_in += 1;
            stayed += usize::from(!taken.lost.is_cancelled());
            table.release(now, taken.number, false);
        }
        flood(&mut table, &mut now, Duration::from_millis(u64::from(own) * 7));
    }
    (got_in, stayed)
}

#[test]
fn where_too_many_come_that_nobody_has_seen_as_many_get_in_as_get_through() {
    // In five seconds 64 slots carry 12.8 logins a second; oldest first, nobody would get through.
    let (got_in, stayed) = get_in_and_stay(64, v4);
    assert_eq!(got_in, stayed, "none in vain");
    assert!((5..=20).contains(&got_in), "a fifth is the share of an arrival: {got_in}");
    // Those that knock three times a minute are known by it.
    assert_eq!(get_in_and_stay(64, |number| v4(number % 1280)), (50, 50));
}

#[test]
fn who_was_refused_twice_is_not_put_out_for_others_when_it_gets_in() {
    let mut table = SlotTable::new(1);
    let other = table.take(NOW, v4(1), false).unwrap();
    let own = v4(2);
    for _ in 0..2 {
        assert!(table.take(NOW + Duration::from_secs(1), own, false).is_none());
    }
    table.release(NOW, other.number, false);
    let taken = table.take(NOW + Duration::from_secs(2), own, false).unwrap();
    assert!(table.take(NOW + Duration::from_secs(6), v4(3), false).is_none() && !taken.lost.is_cancelled());
    assert!(table.take(NOW + Duration::from_secs(8), v4(3), false).is_some() && taken.lost.is_cancelled());
}

#[test]
fn a_slow_login_is_not_put_out_for_a_heavy_peer_when_it_has_had_its_time() {
    let mut table = SlotTable::new(8);
    let own = table.take(NOW, v4(1), false).unwrap();
    let mut now = NOW;
    for number in 0..400 {
        table.take(now, v4(100 + number % 8), false);
        now += Duration::from_millis(25);
    }
    assert!(now - NOW > UNDISTURBED && !own.lost.is_cancelled());
}

#[test]
fn a_peer_that_holds_its_slots_without_taking_new_ones_gives_way_as_well() {
    let mut table = SlotTable::new(16);
    let held: Vec<_> = (0..16).map(|number| table.take(NOW, v4(number / 8), false).unwrap()).collect();
    // So much later that nothing is left of what they have taken.
    let later = NOW + Duration::from_secs(100_000);
    let newcomers: Vec<_> = (100..108).map(|number| table.take(later, v4(number), false).unwrap()).collect();
    assert!(newcomers.iter().all(|taken| !taken.lost.is_cancelled()));
    assert_eq!(held.iter().filter(|taken| taken.lost.is_cancelled()).count(), 8);
    assert!(held[0].lost.is_cancelled(), "the oldest first");
}

#[test]
fn who_is_over_its_rate_makes_nobody_give_way_and_gives_way_first() {
    let mut table = SlotTable::new(2);
    let spare = table.take_spare(NOW, v4(1)).unwrap();
    let first = table.take(NOW, v4(2), false).unwrap();
    assert!(table.take_spare(NOW, v4(1)).is_none());
    let second = table.take(NOW, v4(2), false).unwrap();
    assert!(spare.lost.is_cancelled() && !first.lost.is_cancelled());
    assert_eq!(second.gave_way, Some(v4(1)));
    assert!(table.take_spare(NOW, v4(1)).is_none());
    table.release(NOW, second.number, false);
    assert!(table.take_spare(NOW, v4(1)).is_some());
}

#[test]
fn a_lower_bound_is_reached_at_once() {
    let mut table = SlotTable::new(10);
    let light = table.take(NOW, v4(7), false).unwrap();
    let heavy: Vec<_> = (0..9).map(|_| table.take(NOW, v4(1), false).unwrap()).collect();
    assert_eq!(table.set_bound(NOW, 3), vec![v4(1); 7]);
    assert!(table.len() == 3 && !light.lost.is_cancelled());
    assert!(heavy.iter().take(7).all(|taken| taken.lost.is_cancelled()));
}

#[test]
fn a_slot_counts_as_whoever_it_turns_out_to_be_of() {
    let proxy = v4(9);
    let client = v4(1);
    let mut table = SlotTable::new(100);
    for number in 0..20 {
        let taken = table.take(NOW, proxy, false).unwrap();
        table.rename(NOW, taken.number, client, number >= 10);
    }
    assert!((table.taken_lately(NOW, client).exp2() - 10.0).abs() < 1e-6);
    assert!(table.taken_lately(NOW, proxy) < -4.0, "nothing is left with the proxy");
    assert!((table.spare.len() == 10) && (table.holders[&client].len() == 10) && (table.holders.len() == 1));
}

#[test]
fn who_authenticates_is_charged_half_and_who_keeps_its_slot_by_requests_is_charged_for_each() {
    let mut table = SlotTable::new(10);
    let taken = table.take(NOW, v4(1), false).unwrap();
    (0..7).for_each(|_| table.keep(NOW, taken.number));
    assert!((table.taken_lately(NOW, v4(1)).exp2() - 8.0).abs() < 1e-6);
    table.release(NOW, taken.number, false);
    let taken = table.take(NOW, v4(2), false).unwrap();
    table.release(NOW, taken.number, true);
    assert!((table.taken_lately(NOW, v4(2)).exp2() - 0.5).abs() < 1e-6);
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut table = SlotTable::new(4);
    for number in 0..100_000_u32 {
        let taken =
            table.take(NOW + Duration::from_millis(u64::from(number)), v6(u64::from(number) << 16), false).unwrap();
        table.release(NOW, taken.number, false);
    }
    assert!(table.tallies.len() <= REMEMBERED, "{}", table.tallies.len());
    assert!(table.slots.is_empty() && table.holders.is_empty());
}
