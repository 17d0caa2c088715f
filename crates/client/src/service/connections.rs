//! The connections, and what waits to be written to each of them: bounded, so that one that does
//! not read costs the others nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;

use super::pipes::{Ends, OutLine, Pipe, RequestPermit, ServiceInput, WriteReceipt, read, write};
use super::unshown::Unshown;
use crate::api::Taking;

/// How many connections there are at most.
pub(super) const MAX_CONNECTIONS: usize = 32;
/// How many lines are being written to one.
const WINDOW: usize = 16;
/// How many requests of one are worked on.
const PERMITS: usize = 8;
/// How much waits for one: lines and events, and the bytes of lines.
const MAX_WAITING: (usize, usize) = (16_384, 4 << 20);

enum Item {
    Line {
        line: Arc<str>,
        receipt: WriteReceipt,
        permit: Option<RequestPermit>,
        last: bool,
    },
    /// One of [`Unshown`].
    Event(u64),
}

struct ClientConnection {
    lines: mpsc::Sender<OutLine>,
    items: VecDeque<Item>,
    /// The bytes of lines in `items`.
    bytes: usize,
    /// How many lines are being written.
    flying: usize,
    /// How many events it has, and has not said to be shown.
    owing: usize,
    taking: Option<Taking>,
    permits: Arc<Semaphore>,
    /// Whether nothing more comes of it.
    silent: bool,
    /// Whether it is too far behind to go on.
    overrun: bool,
    /// Its tasks, which end with it.
    _tasks: JoinSet<()>,
    /// Dropped at the end of the connection: so its end is learnt.
    _over: oneshot::Sender<()>,
}

impl ClientConnection {
    fn push(&mut self, item: Item) {
        if let Item::Line { line, permit: None, .. } = &item {
            self.bytes += line.len();
        }
        self.items.push_back(item);
        self.overrun |= self.items.len() > MAX_WAITING.0 || self.bytes > MAX_WAITING.1;
    }

    /// Returns what is written next, if there is room for it.
    fn next(&mut self, unshown: &Unshown) -> Option<OutLine> {
        loop {
            let acknowledges = self.taking == Some(Taking::Acknowledged);
            match self.items.front()? {
                Item::Event(_) if acknowledges && self.owing >= WINDOW => return None,
                Item::Event(number) => {
                    let number = *number;
                    self.items.pop_front();
                    if let Some(line) = unshown.line(number) {
                        return Some(OutLine { line, receipt: WriteReceipt::Event(number), permit: None, last: false });
                    }
                }
                Item::Line { .. } => {
                    let Some(Item::Line { line, receipt, permit, last }) = self.items.pop_front() else { return None };
                    self.bytes -= if permit.is_none() { line.len() } else { 0 };
                    return Some(OutLine { line, receipt, permit, last });
                }
            }
        }
    }
}

/// Holds the connections.
pub(super) struct Connections {
    all: BTreeMap<u64, ClientConnection>,
    next: u64,
    inputs: mpsc::Sender<ServiceInput>,
}

impl Connections {
    pub(super) fn new(inputs: mpsc::Sender<ServiceInput>) -> Self {
        Self { all: BTreeMap::new(), next: 1, inputs }
    }

    /// Takes a connection in. Returns one for which there is no room, to be told so.
    pub(super) fn come(
        &mut self,
        stream: Box<dyn Pipe>,
        patience: Option<Duration>,
        over: oneshot::Sender<()>,
    ) -> Option<u64> {
        if self.all.len() >= 2 * MAX_CONNECTIONS {
            // Not even that is told to more.
            return None;
        }
        let connection = self.next;
        self.next += 1;
        let has_room = self.all.len() < MAX_CONNECTIONS;
        let (reader, writer) = tokio::io::split(stream);
        let (lines, outgoing) = mpsc::channel(WINDOW);
        let permits = Arc::new(Semaphore::new(PERMITS));
        let ends = || Ends { connection, inputs: self.inputs.clone(), patience };
        let mut tasks = JoinSet::new();
        tasks.spawn(write(ends(), writer, outgoing));
        if has_room {
            tasks.spawn(read(ends(), reader, Arc::clone(&permits)));
        }
        let one = ClientConnection {
            lines,
            items: VecDeque::new(),
            bytes: 0,
            flying: 0,
            owing: 0,
            taking: None,
            permits,
            silent: !has_room,
            overrun: false,
            _tasks: tasks,
            _over: over,
        };
        self.all.insert(connection, one);
        (!has_room).then_some(connection)
    }

    pub(super) fn remove(&mut self, connection: u64) {
        self.all.remove(&connection);
    }

    /// Makes a connection a subscriber, unless it is one.
    pub(super) fn subscribe(&mut self, connection: u64, taking: Taking) -> bool {
        let Some(one) = self.all.get_mut(&connection) else { return false };
        one.taking.is_none() && {
            one.taking = Some(taking);
            true
        }
    }

    /// Returns the connections that are told what happens.
    pub(super) fn subscribers(&self) -> impl Iterator<Item = u64> {
        self.all.iter().filter(|(_, one)| one.taking.is_some() && !one.silent).map(|(connection, _)| *connection)
    }

    /// Returns what counts as shown to a subscriber.
    pub(super) fn taking(&self, connection: u64) -> Option<Taking> {
        self.all.get(&connection).and_then(|one| one.taking)
    }

    fn push(&mut self, connection: u64, item: Item) {
        if let Some(one) = self.all.get_mut(&connection) {
            one.push(item);
        }
    }

    pub(super) fn say(&mut self, connection: u64, line: Arc<str>) {
        self.push(connection, Item::Line { line, receipt: WriteReceipt::Nothing, permit: None, last: false });
    }

    pub(super) fn answer(&mut self, connection: u64, line: Arc<str>, permit: RequestPermit, receipt: WriteReceipt) {
        self.push(connection, Item::Line { line, receipt, permit: Some(permit), last: false });
    }

    /// Says why a connection ends, and ends it. What waited for it is dropped.
    pub(super) fn dismiss(&mut self, connection: u64, line: Arc<str>) {
        if let Some(one) = self.all.get_mut(&connection) {
            one.items.retain(|item| matches!(item, Item::Line { permit: Some(_), .. }));
            one.silent = true;
            one.taking = None;
        }
        self.push(connection, Item::Line { line, receipt: WriteReceipt::Nothing, permit: None, last: true });
    }

    /// Lets a connection have an event when there is room.
    pub(super) fn announce(&mut self, connection: u64, number: u64) {
        self.push(connection, Item::Event(number));
    }

    /// Takes note that nothing more comes of a connection: what it asked is answered, and no more.
    pub(super) fn silent(&mut self, connection: u64) {
        if let Some(one) = self.all.get_mut(&connection) {
            one.silent = true;
            one.items.retain(|item| matches!(item, Item::Line { permit: Some(_), .. }));
        }
    }

    pub(super) fn written(&mut self, connection: u64) {
        if let Some(one) = self.all.get_mut(&connection) {
            one.flying -= 1;
        }
    }

    /// Takes note that a connection said of an event that it was shown.
    pub(super) fn acknowledged(&mut self, connection: u64) {
        if let Some(one) = self.all.get_mut(&connection) {
            one.owing = one.owing.saturating_sub(1);
        }
    }

    /// Tells whether nothing more comes of a connection, and all its requests are answered.
    pub(super) fn is_over(&self, connection: u64) -> bool {
        let over = |one: &ClientConnection| {
            // One permit is the reader's, which has ended.
            one.silent && one.flying == 0 && one.items.is_empty() && one.permits.available_permits() == PERMITS
        };
        self.all.get(&connection).is_some_and(over)
    }

    /// Tells whether a line is being written, or an answer waits to be.
    pub(super) fn are_writing(&self) -> bool {
        self.all.values().any(|one| one.flying > 0 || one.items.iter().any(|item| matches!(item, Item::Line { .. })))
    }

    /// Hands on what there is room for. Returns those that are too far behind.
    pub(super) fn pump(&mut self, unshown: &Unshown) -> Vec<u64> {
        for (connection, one) in &mut self.all {
            while one.flying < WINDOW
                && let Some(outgoing) = one.next(unshown)
            {
                if let WriteReceipt::Event(number) = outgoing.receipt {
                    one.owing += usize::from(unshown.owes(number, *connection));
                }
                // There is room for as many as fly; the task ends by itself only when it is lost.
                if one.lines.try_send(outgoing).is_err() {
                    break;
                }
                one.flying += 1;
            }
        }
        self.all.iter().filter(|(_, one)| one.overrun).map(|(connection, _)| *connection).collect()
    }
}
