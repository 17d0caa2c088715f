# The sentences of `ephemeral`. CONTRIBUTING.md says how to change them, and how to add a language.
# Help texts are in the code, beside the options that they are about; other languages have theirs in
# help.ftl.

## Making and keeping a profile

init-cannot-be-recovered = The passphrase opens the file in which the profile is kept. It cannot be recovered.
init-done =
    Your profile is in { $path }.
    Get in touch: `ephemeral invite NAME` makes an invite for somebody, `ephemeral accept INVITE` takes one.
init-server = a server is an onion address, or localhost or 127.0.0.1 on this machine: anybody on the way to another one could see who talks to whom
profile-none = there is no profile { $path }: make one with `ephemeral init --server ADDRESS`
profile-name = a profile's name has 1 to 64 letters, digits, - and _
passphrase-ask = Passphrase:
passphrase-ask-new = New passphrase:
passphrase-ask-again = Once more:
passphrase-differ = the two passphrases are not the same: nothing was changed
passphrase-no-terminal = there is no terminal to ask for the passphrase: name a file or a pipe with --passphrase-file
passphrase-unread = cannot read the passphrase: { $why }
backup-done = It is good for 8 to 15 days: then contacts have forgotten what it knows of them.
restore-done = { $count ->
    [one] { $count } contact is asked to begin anew when `ephemeral recv` runs
   *[other] { $count } contacts are asked to begin anew when `ephemeral recv` runs
}
panic-erased = erased { $path }
panic-incomplete = not everything could be erased: { $why }
discovery-only-onion = only a server with an onion address has discovery keys
discovery-none = there is no discovery key { $path }: make one with `ephemeral discovery new`
no-random-numbers = no random numbers: { $why }
no-home = there is no home directory: set HOME
no-signals = cannot listen for signals: { $why }
terminal-unusable = cannot use the terminal: { $why }
profile-unopened = the profile was not opened: { $why }
cannot-start = cannot start: { $why }
nobody-reads = nobody reads the output
output-failed = cannot write the output: { $why }

## Getting in touch

invite-too-long-for-qr = it does not fit into a QR code: { $why }
invite-cannot-write = cannot write { $path }: { $why }
qr-unread = cannot read { $path }: { $why }
qr-too-large = { $path } is too large: at most { $mib } MiB and { $megapixels } megapixels are read; cut out the part with the QR code
qr-no-png = { $path } is no PNG picture that can be read ({ $why }); convert it, or take the text of the code
qr-none = no QR code can be read in { $path }: take the picture from nearer, straight from the front and sharp
qr-other = the QR code in { $path } does not begin with { $scheme }
qr-several = there are several such QR codes in { $path }: cut out the right one
qr-not-drawn = the picture cannot be made: { $why }
invite-time = { $text } is no time such as 90m, 12h or 7d
invite-time-most = an invite ends after 365 days at most
invite-line = { $number } { $kind }{ $name }, until { $until }{ $user }
invite-once = one-time
invite-reusable = reusable
invite-for = {" "}for { $name }
invite-used = , used by { $user }
invite-waits = {"  "}waits for a yes: { $identity } calls itself { $name }
admit-done = The contact is told when `ephemeral recv` runs.

## The way to a server

route-unencrypted = http:// to another machine is not encrypted: anybody on the way could see who talks to whom. Use the server's onion address
route-tor-config = --tor-config { $path }: { $why }
route-no-table = there is no [tor] table in it
moved-none-followed = no notice of { $address } is followed
moved-which = which notice?
moved-empty = there is no notice in it
moved-unread = the notice { $file } cannot be read: { $why }
moved-line = { $from } is at { $to } since { $at }

## While a profile runs

run-moved = { $server } has moved to { $to }
run-spread = connecting within a minute or two, at random moments that do not give away what belongs together (--at-once does not wait)
run-connecting = connecting to { $server } …
run-connected = connected
run-offline = { $server }: { $why }; trying again in { $seconds } s
run-unusable = { $server } cannot be used: { $why }
run-dropped = not accepted now ({ $why }); sent again later
run-expired = a message expired at the server; it is sent again
run-short-memory = { $server } keeps messages for less than a day: stay connected, or some may be lost
run-elsewhere = this profile runs somewhere else, too: a copy of it must not be used beside it
tor-no-answer = starting Tor: no answer yet. Is this machine online, without a login page before the network?
tor-starting = starting Tor: { $percent } % (the first time it fetches some megabytes); next: the server
tor-searching = Tor is ready; looking for the server: a few seconds, up to a minute

## What the operating system says: English keeps the system's own words

os-not-found = { $text }
os-no-permission = { $text }
os-exists = { $text }
os-refused = { $text }
os-broken = { $text }
os-timeout = { $text }
os-unreachable = { $text }
os-full = { $text }
os-read-only = { $text }
os-directory = { $text }
os-no-directory = { $text }
os-too-large = { $text }

## Files

file-failed = cannot { $action } { $path }: { $why }
file-denied = permission denied
file-denied-user = permission denied to user { $user }
file-denied-own = permission denied to user { $user }, whose { $path } is (mode { $mode }): chmod u+rwX { $path }
file-denied-other = permission denied to user { $user }: { $path } belongs to user { $owner } (mode { $mode }). Run this as that user, or: chown { $user } { $path }
file-disk-full = the disk is full: make room on it
file-read-only = its file system is read-only: mount it so that it can be written, or use another directory
secret-exists = { $path } exists already: it is never overwritten. Move it away first
secret-missing = there is no file { $path }
secret-exposed = others can read { $path }: run `chmod 600 { $path }`
secret-none = { $path } is no file or pipe with a text of at most 4 KiB
discovery-exists = { $path } exists already: a key is never overwritten. `ephemeral discovery show` prints its public half
discovery-other = { $path } does not hold a discovery key for this server: move it away
source-unread = cannot read { $path }: { $why }
source-no-file = { $path } is no file
source-size = { $path } has { $size ->
    [one] { $size } byte
   *[other] { $size } bytes
}: 1 to { $most } can be sent
source-path = the path { $path } is not UTF-8
source-changed = { $path } has changed since it was sent: send it again
download-unwritten = cannot write { $path }: { $why }
download-no-folder = { $path } is no folder

## The profile's file

vault-locked = { $path } is in use by another process: end that one first, or let it do this
vault-locked-by = { $path } is in use by another process ({ $process }): end that one first, or let it do this
vault-wrong-passphrase = wrong passphrase for { $path }
vault-other-passphrase = wrong passphrase for { $path }: a change of it was interrupted, and only one of the two is valid. Try the other one
vault-empty-passphrase = a passphrase cannot be empty
vault-missing = there is no profile in { $path }: make one with `ephemeral init`, or restore a backup
vault-exists = { $path } exists already, and is not overwritten
vault-occupied = { $path } has other files in it: a profile needs a directory of its own
vault-damaged = { $path } is damaged ({ $why }): restore a backup
vault-no-backup = { $path } is no backup, or is damaged ({ $why }): use another copy
vault-too-long = the state is longer than 1 GiB
vault-erased = { $path } was erased by another process
vault-stopped = an earlier write to { $path } failed: end this process, and start again
vault-unencrypted = the state cannot be encrypted: { $why }

## What is not possible with contacts and invites

state-unwritten = the state could not be written, so that nothing can go on
state-unknown = not a state of this version
nothing-such = no such contact, invite or group
invite-expired = the invite has expired
invite-own = this is an invite of your own
invite-foreign = the invite leads to another server: { $server }. If its operator may see when you send, add --foreign
no-room = there is no room for more: { $what }
too-long = too long
not-now = not possible with this contact now: { $why }
group-unchanged = the group cannot be changed like this
invite-damaged = the invite is damaged
invite-version = the invite is not for this version
invite-not-genuine = the invite is not genuine
room-inbox = inbox
room-contacts = contacts
room-outbox = outbox
room-sending = files that are being sent
room-coming = files that are coming: 256 MiB
room-groups = groups
room-invites = invites
not-now-over = the conversation is over
not-now-identity = its identity is not complete yet
not-now-no-answer = it has not answered yet, or the conversation is over
not-now-chunk = this chunk is not wanted
not-now-member = not a member, or the admin contradicts itself
name-unknown = no contact or group is called { $name }
name-ambiguous = several are called { $name }: use { $unambiguous }
engine-elsewhere = this profile runs somewhere else, too: a copy of it must not be used beside it
engine-task = a connection's task failed: { $why }

## Addresses, connections, Tor

server-address = { $server }: { $why }
url-form = a server's address looks like NAME.onion, http://NAME.onion or http://127.0.0.1:8443
url-https = https:// is not supported yet: use the server's onion address (http://NAME.onion), which Tor encrypts
url-only-host = a server's address is http://HOST or http://HOST:PORT, and nothing behind that
url-host = the host in the server's address is not a valid name or IP address
url-onion = the server's onion address is cut or mistyped: it has 56 letters and digits, and they do not fit together
url-port = the port in the server's address is not a number from 1 to 65535
dial-onion-directly = an onion address is reached through Tor, not directly
dial-timeout = no connection within { $seconds } s
dial-tcp = cannot connect: { $why }
dial-socks = the SOCKS proxy { $proxy }: { $why }
tor-path = the state directory { $path } cannot be used: { $why }
tor-unsafe = { $path } is not safe to keep the files of the Tor client in: { $fix }
tor-fix-mode = others have access to it. Run: chmod { $mode } { $path }
tor-fix-owner = it belongs to user { $user }. Run this as that user, or change the owner with chown
tor-in-use = another process uses the state directory { $path }: stop it first, or give this one another --state-dir
tor-service = the onion service does not start: { $why }
tor-runtime = the Tor client cannot use this async runtime: { $why }
tor-no-network = the Tor network cannot be reached: { $why }
tor-no-server = the server cannot be reached through Tor: { $why }
moved-malformed = this is not a notice of a move: { $why }
moved-too-much = more than { $most } notices, or more than { $bytes } bytes
moved-address = `{ $field }` in the notice is not the address of an onion service, in lower case and with `.onion`
moved-nowhere = the notice says that a service has moved to where it is
moved-time = `at` in the notice is not a time as RFC 3339 writes it
moved-signature = the signature in the notice is not that of the old address: do not follow it
moved-contradiction = { $from } has moved to { $known }, as another notice says: if you know better, forget that one first (`ephemeral moved forget { $from }`)
moved-too-many = more than { $most } notices
moved-interrupted = the connection broke off before the server had answered
moved-no-answer = no answer from the server within { $seconds } s
moved-answer = the server does not answer as it should
moved-server-has-none = the server has no notice of a move (status { $status })

## What --help says on its own

help-usage = Usage:
help-commands = Commands:
help-arguments = Arguments:
help-options = Options:
help-usage-options = [OPTIONS]
help-usage-command = COMMAND
help-default = [default: { $value }]
help-help = Print this message or the help of the given subcommand(s)
help-flag = Print help
help-version = Print version

## What is wrong with a command line: in English clap says it

usage-error = error:
usage-tip = tip:
usage-more = For more information, try '--help'.
usage-unknown = unexpected argument '{ $argument }' found
usage-no-command = unrecognized subcommand '{ $command }'
usage-command-missing = '{ $command }' requires a subcommand but one was not provided
usage-missing = the following required arguments were not provided:{ $arguments }
usage-value-missing = a value is required for '{ $argument }' but none was supplied
usage-value = invalid value '{ $value }' for '{ $argument }'
usage-value-why = invalid value '{ $value }' for '{ $argument }': { $why }
usage-twice = the argument '{ $argument }' cannot be used multiple times
usage-conflict = the argument '{ $argument }' cannot be used with{ $others }
usage-too-many = unexpected value '{ $value }' for '{ $argument }' found; no more were expected
usage-quoted = '{ $text }'
usage-not-text = invalid UTF-8 was detected in one or more arguments
usage-other = { $kind }
usage-similar = { $count ->
    [one] a similar { $what } exists: { $names }
   *[other] some similar { $what }s exist: { $names }
}
usage-no-number = { $why }
usage-no-address = { $why }

## Contacts, verifying

heal-begins = It begins within 10 minutes while `ephemeral recv` runs, at a random moment for each contact. Texts wait until the contact has answered, which is shown there.
contact-contested = contested: verify
contact-ended = ended
contact-not-answered = not yet answered
contact-verified = verified
contact-new = new
contact-on-the-way = , { $count } on the way
verify-not-same = STOP: the codes are not the same: this is somebody else
verify-ask = Does your contact see the same words? Type yes:
verify-yes = yes
answer-unread = cannot read the answer: { $why }
input-unread = cannot read standard input: { $why }
accept-done = { $name } will find your first message; `ephemeral recv` fetches the answer
accept-shown = { $kind }, until { $until }; server { $server }
accept-late = the contact is there, but its server did not take the first message within { $seconds } s{ $why }
accept-interrupted = interrupted: the first message is sent the next time

## Groups

group-hears = { $name } hears of it when `ephemeral recv` runs
group-others-hear = the members hear of it when `ephemeral recv` runs
group-joins-later = you are in it when the admin's program has answered: run `ephemeral recv`
group-standing-left = left
group-standing-contradictory = contradictory
group-standing-joining = joining
group-standing-admin = admin
group-standing-member = member
group-line = { $name } ({ $standing }, { $count ->
    [one] { $count } member
   *[other] { $count } members
})
group-offered = { $name } (invited by { $from })
group-you = you
group-role-admin = , admin
group-invited = { $name } (invited, has not answered)

## Sending

send-empty = the message is empty
send-too-long = the message is longer than 47,000 bytes
send-not-text = the message is not UTF-8 text
send-write = write the message, and end it with Ctrl-D on a line of its own
send-waiting = it waits at the server; waiting for the contact …
send-interrupted = interrupted: the message is kept, and sent by the next `ephemeral recv`
interrupted = interrupted
send-kept = the message is kept: { $why }
send-contact-has-not = it waits at the server, but the contact did not have it within { $seconds } s{ $why }
send-members-have-not = it waits at the server, but { $count ->
    [one] { $count } member
   *[other] { $count } members
} did not have it within { $seconds } s{ $why }
send-not-taken = the message is kept, but the contact's server did not take it within { $seconds } s{ $why }
send-not-taken-for = the message is kept, but the server did not take it for { $count ->
    [one] { $count } member
   *[other] { $count } members
} within { $seconds } s{ $why }
send-when-met = it is sent to { $names } when their programs have met this one
send-when-answered = it is sent when the contact has answered
file-given-up-before = what was sent of this file before it changed is given up
file-waits-for-yes = a large file waits for the contact's yes; after Ctrl-C it still does
file-interrupted = interrupted: { $progress }; the rest is sent when `ephemeral recv` or the same command runs
file-so-far = { $count ->
    [one] { $arrived } of { $count } part of the file has arrived
   *[other] { $arrived } of { $count } parts of the file have arrived
}
file-late = { $progress } within { $seconds } s{ $why }
file-refused = the file was given up: the contact did not take it
file-declined = the contact declined the file
file-bar = { $bar } { $bytes } of { $total } have arrived, { $left } left
file-kept = the file is kept: { $why }
files-line = { $id } { $name } ({ $size }) from { $contact }: { $how }
files-waits = waits for a yes, with `ephemeral recv --files DIR`
files-coming = { $arrived } have come
files-declined = the file is declined; the contact hears of it when `ephemeral recv` runs
outbox-message = message
outbox-file = file { $name }
outbox-line = { $time }{ $id } { $what } to { $to }{ $whose }: { $how }
outbox-whose = { " " }for { $member }
outbox-kept = kept until the other side has answered
outbox-sending = not yet sent
outbox-at-server = waiting at the server
outbox-arrived = arrived
outbox-given-up = given up
outbox-declined = declined
outbox-cancelled = the file is not sent any more; the contact is told

## Receiving

recv-linger-late = some contacts learn only later that their messages have arrived
recv-interrupted-unread = interrupted while nobody read the output
recv-file-begins = { $contact } sends { $name } ({ $size })
recv-none = no message came within { $seconds } s{ $why }
recv-unreachable = the server was not reached within { $seconds } s{ $why }
exec-needs = --exec needs a command
exec-cannot = cannot run { $program }: { $why }
exec-lost = the command was lost: { $why }
exec-killed = the command did not end within { $limit } s, and was killed: the message comes again in { $pause } s
exec-code = the command ended with { $code }: the message comes again in { $pause } s
exec-died = the command was killed: the message comes again in { $pause } s
exec-unknown = the command cannot be waited for: { $why }: the message comes again in { $pause } s

## What happened

news-missing = { " " }(one before it is missing)
news-burns = { " " }(to be deleted { $seconds } s after it was written)
news-accepted = * { $contact } has accepted your invite
news-asks = * somebody who is called { $name } asks to write to you; say yes with `ephemeral admit { $invite } { $identity }`
news-asks-and-writes = * somebody who is called { $name } asks to write to you and writes: { $text }; say yes with `ephemeral admit { $invite } { $identity }`
news-answered = * { $contact } has answered: you can write to each other
news-given-up = * a message to { $contact } was given up: not delivered
news-moves = * { $contact } wants to be written to at { $server }, whose operator would see when you are online; agree with `ephemeral contacts agree { $contact }`
news-contested = * STOP: somebody else used the invite of { $contact }. Compare the safety words with `ephemeral verify { $contact }`
news-not-who = * STOP: { $contact } is not who the invite says
news-left = * { $contact } has ended the conversation
news-unstable = * something is wrong with the conversation with { $contact }: a new invite helps
news-resumed = * { $contact } has answered: the conversation goes on
news-needs-invite = * { $contact } did not answer for a week: a new invite is needed
news-clock = * the clock of this machine and the server's disagree: nothing old is deleted
news-file = * { $contact } sends the file { $name } ({ $size }); take it with `ephemeral recv --files DIR`
news-file-saved = * { $contact } sent a file: { $path }
news-file-damaged = * the file { $name } of { $contact } is not what was announced: it was deleted
news-file-gone = * what was written of the file { $name } of { $contact } is gone: ask for it again
news-file-lost = * the rest of the file { $name } of { $contact } did not come: it was deleted
news-file-arrived = * { $contact } has all of the file { $name }
news-file-given-up = * the file { $name } to { $contact } was given up: not delivered
news-file-declined = * { $contact } declined the file { $name }
news-group-offer = * { $contact } invites you to the group { $name }; join with `ephemeral group join { $name }`
news-group-joined = * you are in the group { $group }
news-group-gap = * others in { $group } may see something that you do not
news-group-members = * { $group } has { $count ->
    [one] { $count } member
   *[other] { $count } members
} now
news-group-forked = * STOP: the admin of { $group } shows different members to different people
news-group-removed = * you are no longer in the group { $group }
news-group-given-up = * a message to { $group } was given up: not delivered to { $member }

## Engines and sockets

engine-ended = the engine has ended
engine-erased = the profile was erased
engine-gone = the process that has the profile has ended: try again
engine-silent = the process that has the profile did not answer within { $seconds } s
engine-broken = the connection with the engine is broken: { $why }
engine-other-version = the engine is of another version: { $why }
vault-locked-by-command = { $path } is in use by another process ({ $process }: `{ $command }`): end that one first, or let it do this
serve-needs-server = --ephemeral needs --server
serve-at = serving at { $path }
serve-no-place = there is no place for the socket: XDG_RUNTIME_DIR names none. `ephemeral rpc` needs none
serve-taken = another process serves at { $path }: choose another --profile
socket-cannot-connect = cannot connect with { $path }: { $why }
socket-other-user = { $path } is another user's
socket-cannot-open = cannot open the socket { $path }: { $why }
socket-something-else = something else is there
socket-cannot-make = cannot make { $path }: { $why }
socket-not-own = { $path } is not this user's alone: chmod 700 it
run-file-unreadable = a file that is being sent waits: { $why }
run-file-no-room = { $name } waits until other files are complete: 256 MiB are coming

## What an engine refuses (crates/client/src/service/refusal.rs)

refused-no-method = there is no method "{ $name }"
refused-contact-name = a contact needs a name that no other one has
refused-does-not-move = it does not want to move
refused-several-wait = several of those who wait begin like this: write more digits
refused-nobody-waits = nobody waits there whose identity begins like this
refused-connections = there are 32 connections with this engine already: end one first
refused-group-burns = a text to a group cannot be asked to be deleted: leave --burn away
refused-out = you are no longer a member of this group
refused-not-yet-in = the admin has not let you in yet: run `ephemeral recv`
refused-forked = STOP: the admin shows different members to different people
refused-alone = there is nobody else in the group
refused-group-name = a group's name has 1 to 64 bytes, and does not begin with group-, contact- or ~
refused-taken = a contact or a group is called { $name } already: choose another name
refused-offer-taken = a contact or a group is called { $name } already: call it something else with --as NAME
refused-not-admin = only the admin of { $group } can do this: { $admin }
refused-member-already = { $name } is a member already
refused-group-full = a group has at most { $most } members
refused-remove-me = this is you: hand the group over with `ephemeral group hand-over`, and leave it
refused-admin-already = you are the admin already
refused-last-admin = nobody could change the group any more: hand it over first with `ephemeral group hand-over`
refused-file-to-group = a file is sent to a contact, not to a group
refused-no-file = no file is called { $name }
refused-folder = { $path } cannot be written into: { $why }

## Why there is no connection (crates/client/src/connection/errors.rs)

lost-closed = the server closed the connection without saying why
lost-closed-code = the server closed the connection: code { $code }
lost-closed-reason = the server closed the connection: { $code } { $reason }
lost-dropped = the connection broke off
lost-io = the connection broke off: { $why }
lost-silent = the server does not answer any more
lost-not-reading = the server does not read any more
lost-protocol = the server sent { $what }
connect-refused = the server refused the connection: { $status }
connect-old-server = the server refused the connection: { $status }. It is older than this client, and wants the identity in the URL, which proxies log: its operator has to update it
connect-timeout = no { $what } from the server in time
unusable-limits = it takes { $bytes ->
    [one] { $bytes } byte
   *[other] { $bytes } bytes
} and keeps them for { $seconds } s at most; { $least-bytes } bytes and { $least-seconds } s are needed

## What a process leaves behind

core-dumps = core dumps cannot be forbidden: a crash may write messages to the disk
not-locked = memory is not locked, so that messages could be swapped out: give `ulimit -l unlimited`, or have no swap
