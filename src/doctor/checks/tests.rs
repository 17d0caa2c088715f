//! Each check with facts that are good and with facts that are bad.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::PathBuf;

use super::*;
use crate::config::{Config, Flags};
use crate::doctor::facts::{
    Bind, ClockFacts, Daemon, Disk, ListenerFacts, Memory, Node, Online, SettingsFacts, State, Swap, Sync, Tor, Unit,
};
use crate::doctor::{Severity, gather, worst};
use ephemeral_core::protocol::WallTime;

const HOUR: u64 = 60 * 60 * 1000;
/// 2026-06-01T00:00:00Z.
const NOW: WallTime = WallTime(1_780_272_000_000);
const GIB: u64 = 1 << 30;

fn directory(path: &str, mode: u32, uid: u32) -> Node {
    Node { path: path.into(), mode, uid, directory: true }
}

/// Returns a machine and a server that are as they should be.
fn good() -> Facts {
    Facts {
        state: State {
            path: "/var/lib/e".into(),
            directory: Some(directory("/var/lib/e", 0o700, 999)),
            parents: vec![directory("/var/lib", 0o755, 0), directory("/", 0o755, 0)],
            exposed: Vec::new(),
        },
        config_file: Some(Node { path: "/etc/e.toml".into(), mode: 0o644, uid: 0, directory: false }),
        daemon: Some(Daemon {
            pid: 7,
            uid: 999,
            core_limit: Some(0),
            dumpable: Some(false),
            no_new_privileges: true,
            locked_kib: 1000,
            health: Some("healthy".into()),
            ..Daemon::default()
        }),
        uid: 999,
        core_pattern: "core".into(),
        memory: Memory { swaps: Some(Vec::new()), total_bytes: Some(4 * GIB), ..Memory::default() },
        clock: ClockFacts { now: NOW, sync: Sync::Done("chrony"), consensus: Some((NOW, NOW.plus(3 * HOUR))) },
        disk: Some(Disk { free_bytes: GIB, free_files: Some(100_000), read_only: false }),
        listener: Some(ListenerFacts {
            address: "127.0.0.1:8443".parse().unwrap(),
            bind: Bind::InUse,
            tls: false,
            certificate: Vec::new(),
        }),
        settings: SettingsFacts {
            total_bytes: 256 << 20,
            onion_memory_bytes: 128 << 20,
            circuits: 512,
            sessions: 10_000,
            reachable_sessions: 10_000,
            is_linked: false,
            unauthenticated: 256,
            messages_per_minute: 100,
            auth_timeout_s: 10,
            vanguards_lite: false,
            metrics_off_loopback: false,
            location_is_public: false,
            log_filter: "info".into(),
            file_limit: Some(1 << 20),
        },
        unit: Unit {
            systemd: true,
            file: Some("/etc/systemd/system/e.service".into()),
            exposure: Some(1.1),
            kept_files: Some(1),
        },
        tor: Some(Tor { address: Ok(Some("x.onion".into())), online: Online::Reached, own_address: Some(Ok(())) }),
        cluster: None,
    }
}

/// Returns what is found about a machine that is as it should be, but for this change.
fn found(check: &str, change: impl FnOnce(&mut Facts)) -> Finding {
    let mut facts = good();
    change(&mut facts);
    let mut findings = examine(&facts);
    findings.retain(|finding| finding.check == check);
    findings.into_iter().max_by_key(|finding| finding.level).unwrap_or_else(|| panic!("no finding of {check}"))
}

fn level(check: &str, change: impl FnOnce(&mut Facts)) -> Severity {
    let finding = found(check, change);
    if finding.level > Severity::Note {
        assert!(finding.why.is_some() && finding.remedy.is_some(), "{finding:?}");
    }
    finding.level
}

/// Returns the daemon of the facts.
fn daemon(facts: &mut Facts) -> &mut Daemon {
    facts.daemon.as_mut().unwrap()
}

#[test]
fn a_machine_that_is_as_it_should_be_gives_no_reason_to_complain() {
    let findings = examine(&good());
    assert_eq!(worst(&findings), Severity::Ok, "{findings:#?}");
    assert!(findings.len() > 12);
}

#[test]
fn a_state_directory_that_others_can_enter_is_a_problem_with_the_command_that_mends_it() {
    for mode in [0o755, 0o701, 0o740, 0o770] {
        let finding = found("state.permissions", |facts| facts.state.directory.as_mut().unwrap().mode = mode);
        assert_eq!((finding.level, finding.remedy.as_deref()), (Severity::Problem, Some("chmod 700 /var/lib/e")));
    }
    assert_eq!(level("state.permissions", |facts| facts.state.directory = None), Severity::Note);
}

#[test]
fn a_state_directory_of_somebody_else_is_a_problem_but_for_root_who_does_not_know() {
    let others = |facts: &mut Facts| facts.state.directory.as_mut().unwrap().uid = 1000;
    assert_eq!(level("state.permissions", others), Severity::Problem);
    let as_root = |facts: &mut Facts| {
        facts.daemon = None;
        facts.uid = 0;
    };
    assert_eq!(level("state.permissions", as_root), Severity::Note);
}

#[test]
fn a_key_that_others_can_read_is_a_problem() {
    let key = Node { path: "/var/lib/e/key".into(), mode: 0o644, uid: 999, directory: false };
    let finding = found("state.permissions", |facts| facts.state.exposed.push(key.clone()));
    assert_eq!((finding.level, finding.remedy.as_deref()), (Severity::Problem, Some("chmod 600 /var/lib/e/key")));
    let roots = Node { mode: 0o600, uid: 0, ..key };
    let finding = found("state.permissions", |facts| facts.state.exposed.push(roots));
    assert_eq!((finding.level, finding.remedy.as_deref()), (Severity::Problem, Some("chown 999 /var/lib/e/key")));
}

#[test]
fn a_directory_above_that_others_can_exchange_is_a_problem_unless_it_is_sticky() {
    let above = |mode, uid| move |facts: &mut Facts| facts.state.parents[0] = directory("/var/lib", mode, uid);
    assert_eq!(level("state.parents", above(0o777, 0)), Severity::Problem);
    assert_eq!(level("state.parents", above(0o775, 0)), Severity::Problem);
    assert_eq!(level("state.parents", above(0o755, 1000)), Severity::Problem);
    assert_eq!(level("state.parents", above(0o1777, 0)), Severity::Ok);
    assert_eq!(level("state.parents", above(0o755, 999)), Severity::Ok);
}

#[test]
fn a_configuration_that_others_can_write_is_a_problem() {
    assert_eq!(
        level("config.permissions", |facts| facts.config_file.as_mut().unwrap().mode = 0o666),
        Severity::Problem
    );
}

#[test]
fn a_full_or_read_only_disk_is_noticed() {
    let disk = |free_bytes, free_files, read_only| {
        move |facts: &mut Facts| facts.disk = Some(Disk { free_bytes, free_files, read_only })
    };
    assert_eq!(level("disk.space", disk(10 << 20, None, false)), Severity::Problem);
    assert_eq!(level("disk.space", disk(100 << 20, None, false)), Severity::Warning);
    assert_eq!(level("disk.space", disk(GIB, Some(3), false)), Severity::Warning);
    assert_eq!(level("disk.space", disk(GIB, Some(100_000), true)), Severity::Problem);
    assert_eq!(level("disk.space", |facts| facts.disk = None), Severity::Note, "not known is not good news");
}

#[test]
fn a_server_that_could_leave_a_core_dump_is_a_problem() {
    assert_eq!(level("process.core_dumps", |facts| daemon(facts).core_limit = None), Severity::Problem);
    let piped = found("process.core_dumps", |facts| {
        facts.core_pattern = "|/usr/lib/systemd/systemd-coredump %P".into();
        daemon(facts).dumpable = Some(true);
    });
    assert_eq!(piped.level, Severity::Problem);
    assert!(piped.what.contains("collector"), "{}", piped.what);
    assert_eq!(
        level("process.core_dumps", |facts| facts.daemon = None),
        Severity::Ok,
        "it forbids them when it starts"
    );
}

#[test]
fn a_server_with_privileges_is_warned_of() {
    assert_eq!(level("process.privileges", |facts| daemon(facts).no_new_privileges = false), Severity::Warning);
    assert_eq!(level("process.privileges", |facts| daemon(facts).uid = 0), Severity::Warning);
    assert_eq!(level("process.privileges", |facts| daemon(facts).outdated = true), Severity::Note);
}

/// Returns a swap area, and whether the server has locked its memory.
fn swapping(is_ram: bool, is_encrypted: bool, locked_kib: u64) -> impl Fn(&mut Facts) {
    move |facts| {
        facts.memory.swaps = Some(vec![Swap { name: "/dev/sda2".into(), is_ram, is_encrypted }]);
        daemon(facts).locked_kib = locked_kib;
    }
}

#[test]
fn swap_is_warned_of_unless_it_is_encrypted_or_in_memory_or_the_server_is_kept_out_of_it() {
    assert_eq!(level("memory.swap", swapping(false, false, 0)), Severity::Warning);
    assert_eq!(level("memory.swap", swapping(false, false, 100)), Severity::Note);
    assert_eq!(level("memory.swap", swapping(true, false, 0)), Severity::Ok);
    assert_eq!(level("memory.swap", swapping(false, true, 0)), Severity::Ok);
    let no_swap_in_the_group = |facts: &mut Facts| {
        swapping(false, false, 0)(facts);
        facts.memory.group_without_swap = true;
    };
    assert_eq!(level("memory.swap", no_swap_in_the_group), Severity::Note);
    assert_eq!(level("memory.swap", |facts| daemon(facts).swapped_kib = 4), Severity::Problem);
    assert_eq!(
        level("memory.swap", |facts| facts.memory.swaps = None),
        Severity::Warning,
        "not known is not good news"
    );
}

#[test]
fn memory_that_is_not_locked_is_warned_of_where_there_is_swap() {
    assert_eq!(level("memory.lock", swapping(false, false, 0)), Severity::Warning);
    assert_eq!(level("memory.lock", |facts| daemon(facts).locked_kib = 0), Severity::Note);
    let stopped = |limit| {
        move |facts: &mut Facts| {
            facts.daemon = None;
            facts.memory.lock_limit = limit;
        }
    };
    assert_eq!(level("memory.lock", stopped(None)), Severity::Ok);
    assert_eq!(level("memory.lock", stopped(Some(8 << 20))), Severity::Note);
}

#[test]
fn a_clock_that_cannot_be_right_is_a_problem() {
    assert_eq!(level("clock.time", |facts| facts.clock.now = WallTime(1_700_000_000_000)), Severity::Problem);
    let consensus = |from: i64| {
        move |facts: &mut Facts| {
            let from = WallTime(NOW.0.strict_add_signed(from * 3_600_000));
            facts.clock.consensus = Some((from, from.plus(3 * HOUR)));
        }
    };
    assert_eq!(level("clock.time", consensus(2)), Severity::Problem, "a directory from the future");
    assert_eq!(level("clock.time", consensus(-1)), Severity::Ok);
    assert_eq!(level("clock.time", consensus(-100)), Severity::Warning, "the running server has no newer directory");
    let stopped = |facts: &mut Facts| {
        consensus(-100)(facts);
        facts.daemon = None;
    };
    assert_eq!(level("clock.time", stopped), Severity::Ok);
    assert_eq!(level("clock.synchronised", |facts| facts.clock.sync = Sync::NotYet("x")), Severity::Warning);
    assert_eq!(level("clock.synchronised", |facts| facts.clock.sync = Sync::Unknown), Severity::Note);
}

fn listening(address: &str, bind: Bind) -> impl Fn(&mut Facts) {
    let address: SocketAddr = address.parse().unwrap();
    move |facts| {
        facts.listener = Some(ListenerFacts { address, bind: bind.clone(), tls: false, certificate: Vec::new() })
    }
}

#[test]
fn an_address_that_cannot_be_listened_on_is_a_problem() {
    for bind in [Bind::Denied, Bind::NotHere, Bind::Failed("x".into())] {
        assert_eq!(level("network.port", listening("127.0.0.1:80", bind)), Severity::Problem);
    }
    assert_eq!(level("network.port", listening("127.0.0.1:80", Bind::Free)), Severity::Ok);
    let taken = |facts: &mut Facts| {
        listening("127.0.0.1:80", Bind::InUse)(facts);
        facts.daemon = None;
    };
    assert_eq!(level("network.port", taken), Severity::Problem);
    assert_eq!(level("network.port", |facts| facts.listener = None), Severity::Ok);
}

#[test]
fn plaintext_off_loopback_is_a_problem_and_in_a_private_network_a_warning() {
    for (address, expected) in [
        ("127.0.0.1:1", Severity::Ok),
        ("[::1]:1", Severity::Ok),
        ("192.168.1.2:1", Severity::Warning),
        ("[fd00::1]:1", Severity::Warning),
        ("0.0.0.0:1", Severity::Problem),
        ("[::]:1", Severity::Problem),
        ("203.0.113.5:1", Severity::Problem),
        ("[::ffff:203.0.113.5]:1", Severity::Problem),
    ] {
        assert_eq!(level("config.plaintext", listening(address, Bind::Free)), expected, "{address}");
    }
}

#[test]
fn a_store_that_does_not_fit_into_the_memory_is_a_problem() {
    let total = |bytes: u64| move |facts: &mut Facts| facts.settings.total_bytes = usize::try_from(bytes).unwrap();
    assert_eq!(level("config.memory", total(8 * GIB)), Severity::Problem);
    assert_eq!(level("config.memory", total(3 * GIB)), Severity::Warning);
    assert_eq!(level("config.memory", total(GIB)), Severity::Ok);
    let grouped = |facts: &mut Facts| facts.memory.group_bytes = Some(256 << 20);
    assert_eq!(level("config.memory", grouped), Severity::Problem, "the smaller of the two counts");
    let enough = |facts: &mut Facts| facts.memory.group_bytes = Some(GIB);
    assert_eq!(level("config.memory", enough), Severity::Ok, "a group is the server's alone");
    let circuits = |facts: &mut Facts| facts.settings.circuits = 20_000;
    assert_eq!(level("config.memory", circuits), Severity::Problem, "circuits count as well");
    let onion = |facts: &mut Facts| facts.settings.onion_memory_bytes = 4 * GIB;
    assert_eq!(level("config.memory", onion), Severity::Problem, "Tor counts as well");
    let with_seats = |is_linked: bool| {
        move |facts: &mut Facts| {
            facts.settings.reachable_sessions = 20_000;
            facts.settings.is_linked = is_linked;
            facts.memory.group_bytes = Some(GIB);
        }
    };
    assert_eq!(level("config.memory", with_seats(false)), Severity::Ok);
    assert_eq!(level("config.memory", with_seats(true)), Severity::Problem, "and seats with other machines");
    assert_eq!(level("config.memory", |facts| facts.memory.total_bytes = None), Severity::Note);
}

#[test]
fn what_the_default_settings_may_take_fits_into_the_container_and_stands_in_the_manual() {
    let config = Config::load(&Flags::default(), &|_| None).unwrap();
    let compose = include_str!("../../../compose.yaml");
    let limit = compose.lines().find_map(|line| line.trim().strip_prefix("mem_limit: ")).unwrap();
    let limit: u64 = limit.strip_suffix('m').unwrap().parse().unwrap();
    let finding = found("config.memory", |facts| {
        facts.settings = gather::settings(&config);
        facts.memory.group_bytes = Some(limit << 20);
    });
    assert_eq!(finding.level, Severity::Ok, "{finding:?}");
    let taken = finding.what.split_whitespace().find_map(|word| word.parse::<u64>().ok()).unwrap();
    assert!(limit - taken < 64, "no more than it needs: {taken} of {limit} MiB");
    for manual in [include_str!("../../../docs/configuration.md"), include_str!("../../../docs/operator.md")] {
        assert!(manual.contains(&format!("{taken} MiB")), "{taken} MiB");
    }
}

#[test]
fn limits_that_stop_nobody_are_warned_of() {
    assert_eq!(level("config.limits", |facts| facts.settings.messages_per_minute = 100_000), Severity::Warning);
    assert_eq!(level("config.limits", |facts| facts.settings.auth_timeout_s = 600), Severity::Warning);
    assert_eq!(level("config.limits", |facts| facts.settings.unauthenticated = 100_000), Severity::Warning);
    assert_eq!(level("config.limits", |facts| facts.settings.file_limit = Some(1024)), Severity::Warning);
    assert_eq!(level("config.limits", |facts| facts.settings.file_limit = None), Severity::Ok);
}

#[test]
fn settings_that_show_more_than_they_should_are_named() {
    assert_eq!(level("config.statistics", |facts| facts.settings.metrics_off_loopback = true), Severity::Warning);
    assert_eq!(level("config.vanguards", |facts| facts.settings.vanguards_lite = true), Severity::Warning);
    assert_eq!(level("config.log", |facts| facts.settings.log_filter = "info,ephemeral=trace".into()), Severity::Note);
}

#[test]
fn a_unit_that_is_not_hardened_is_warned_of() {
    assert_eq!(level("unit.hardening", |facts| facts.unit.exposure = Some(9.2)), Severity::Warning);
    assert_eq!(level("unit.hardening", |facts| facts.unit.exposure = Some(3.0)), Severity::Note);
    assert_eq!(level("unit.hardening", |facts| facts.unit.exposure = None), Severity::Note);
    assert_eq!(level("unit.hardening", |facts| facts.unit.file = None::<PathBuf>), Severity::Note);
}

#[test]
fn a_server_that_is_not_healthy_is_a_problem() {
    let health = |health: &'static str| move |facts: &mut Facts| daemon(facts).health = Some(health.into());
    assert_eq!(level("server.running", health("degraded")), Severity::Problem);
    assert_eq!(level("server.running", health("starting")), Severity::Note);
    assert_eq!(level("server.running", |facts| facts.daemon = None), Severity::Note);
}

#[test]
fn what_keeps_the_onion_service_from_being_reached_is_named() {
    let tor = |change: fn(&mut Tor)| move |facts: &mut Facts| change(facts.tor.as_mut().unwrap());
    assert_eq!(level("tor.key", tor(|tor| tor.address = Err("x".into()))), Severity::Problem);
    assert_eq!(level("tor.key", tor(|tor| tor.address = Ok(None))), Severity::Note);
    assert_eq!(level("tor.network", tor(|tor| tor.online = Online::Failed("x".into()))), Severity::Problem);
    assert_eq!(level("tor.network", tor(|tor| tor.online = Online::NotTried)), Severity::Note);
    assert_eq!(level("tor.own_address", tor(|tor| tor.own_address = Some(Err("x".into())))), Severity::Warning);
    assert_eq!(level("tor.network", |facts| facts.tor = None), Severity::Ok);
}

#[test]
fn scripts_tell_by_the_exit_code_how_bad_it_is() {
    let code = |change: fn(&mut Facts)| {
        let mut facts = good();
        change(&mut facts);
        worst(&examine(&facts)).exit_code()
    };
    assert_eq!(code(|_| {}), 0);
    assert_eq!(code(|facts| facts.clock.sync = Sync::Unknown), 0, "a note");
    assert_eq!(code(|facts| facts.settings.vanguards_lite = true), 1);
    assert_eq!(code(|facts| facts.disk.as_mut().unwrap().read_only = true), 2);
}
