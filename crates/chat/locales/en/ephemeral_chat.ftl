# The sentences of `ephemeral chat`. Each stands in every language, with the same arguments: a test compares them.

## Who and how well
you = you
peer-new = new: not verified
peer-verified = verified
peer-changed = CHANGED: STOP, compare the safety words
peer-not-answered = has not answered yet
peer-left = the conversation is over
peer-out = no longer a member
peer-forked = its admin shows different members to different people
peer-group = { $n ->
    [one] group of one
   *[other] group of { $n }
}
nobody-yet = Nobody is here yet. Write /invite to make an invite for somebody, or /accept to use one that you were given. F1 shows all keys and commands.
nobody-open = No conversation is open: /invite or /accept gets you in touch, /find finds one
nothing-unread = nothing is unread
header-help = F1 help
header-unread = { $n } unread
list-draft = draft
something-came = A message came

## How far a text came, and its time
standing-kept = kept until the contact has answered
standing-sending = sending
standing-at-server = waiting at the server
standing-arrived = arrived
standing-not-delivered = not delivered
standing-declined = declined
standing-members = { $n ->
    [one] arrived at one member
   *[other] arrived at { $n } members
}
gone-in-days = gone in { $n } d
gone-in-hours = gone in { $n } h
gone-in-minutes = gone in { $n } min
gone-in-seconds = gone in { $n } s
gone-now = gone
span-days = { $n } d
span-hours = { $n } h
span-minutes = { $n } min
span-seconds = { $n } s
burn-never = texts stay
burn-after = gone { $time } after it was written
message-missing = one before this has not come
not-taken = not sent: { $why }
not-known-taken = there is no engine: what you wrote is back in the line; it may have been sent if the engine has just ended

## The connection
uplink-unknown = not connected yet
uplink-idle = not connected: there is no contact and no invite yet
uplink-tor = starting Tor: { $percent } %; next: the server
uplink-searching = Tor runs; looking for the server for { $time }
uplink-connecting = connecting to the server for { $time }
uplink-again = no connection for { $time }; connecting now
uplink-online = connected
uplink-offline = no connection for { $time }: { $why }; next attempt in { $next }
uplink-unusable = the server cannot be used: { $why }
uplink-gone = the program that ran the profile has ended; looking for another one for { $time }; /unlock opens it here
uplink-broken = the engine has ended: { $why }; looking for another one for { $time }; /unlock opens the profile here
engine-again = Another engine runs the profile now: connected with it
unlock-needless = the profile is open
server-unusable = { $server } cannot be used: { $why }
status-title = Connection
status-next = It cannot be hurried: each mailbox tries at a time of its own, so that the server does not see which of them are yours.
status-server = your server: { $server }
status-name = you call yourself: { $name }
status-not-open = Ctrl-C ends
status-parts = { $bytes } { $bytes ->
    [one] byte
   *[other] bytes
}: goes in { $n } { $n ->
    [one] message
   *[other] messages
}
status-scrolled = older messages; Esc goes to the latest

## The first start
create-title = Welcome
unlock-title = Your profile
field-name = What contacts see as your name
field-server = The invite that you were given, or the address of a server
field-passphrase = Passphrase
field-passphrase-new = New passphrase (none: the profile is in memory only, and gone at the end)
field-passphrase-again = The passphrase once more
server-needed = An invite or the address of a server is needed
server-wrong = A server is NAME.onion, or http://127.0.0.1:PORT on this machine
passphrase-wrong = the passphrase is wrong
passphrases-differ = The two passphrases are not the same
form-busy = One moment …
welcome = Open. /help lists commands.
engine-gone = the engine is gone
answer-unknown = the engine answered something that this version does not understand

## Invites
invite-title = Invite somebody
invite-about = Give it to one person over a way that nobody else reads. It gets you in touch; it makes nobody verified.
field-invite-name = What you call whoever uses it
field-invite-many = For many? Empty: for one person; anything else: whoever uses it waits for your yes
invite-made-title = Your invite
invite-made-once = For one person, once, until { $until }
invite-made-many = For many, until { $until }; each of them waits for your yes
invite-made-copy = c copies it (OSC 52)
invite-made-room = The QR code needs { $width } columns and { $height } rows
accept-title = Use an invite
field-invite = The invite
field-as = What you call the person (empty: as it calls itself)
field-first-text = Your first message
invite-is-once = An invite for one person, once, until { $until }
invite-is-many = An invite for many, until { $until }: the other side has to say yes
invite-is-over = This invite ended { $until }
invite-server = Server: { $server }
invite-server-foreign = Another server than yours: { $server }. Its operator sees when you send.
invite-verifies-nobody = It gets you in touch. Compare the safety words afterwards.
invite-damaged = This invite is damaged: mistyped, or cut off
invite-not-for-this = This invite is not for this version, or not genuine, or leads to somebody else's own machine
invite-none = That is no invite: one begins with ephemeral:
invites-title = Your invites
invite-used = used
invite-open-once = for one person, until { $until }
invite-open-many = for many, until { $until }
invite-revoke = Take it back
invite-revoked = the invite is taken back
requests-title = Who waits for your yes
request-came = Somebody who is called { $name } asks to write to you: { $text } (/requests answers)
request-yes = Say yes to { $name }
request-no = Say no; { $name } is not told
request-declined = no to { $name }

## Contacts
contact-new = { $name } is a contact now. Write at once.
contact-came = { $name } has used your invite ({ $itself })
contact-answered = { $name } has answered: you can write to each other
contact-moves = { $name } wants to be written to at { $server }, whose operator would see when you send; /agree allows it
contact-contested = STOP: somebody else used the invite of { $name }. Compare the safety words with /verify
contact-not-who = STOP: { $name } is not who the invite says
contact-left = { $name } has ended the conversation
contact-unstable = something is wrong with the conversation with { $name }: a new invite helps
contact-resumed = { $name } has answered: the conversation goes on
contact-needs-invite = { $name } did not answer for a week: a new invite is needed
renamed = the contact is called { $name } now
trust-question = Somebody else used the invite of { $name }, too. Go on writing to this contact without having compared the words?
trust-needless = nobody else has used the invite of { $name }
agree-question = Write to { $name } at { $server }? Its operator sees when you send.
agree-needless = { $name } has not asked to be written to at another server
block-question = End the conversation with { $name } without a word?
forget-question = End the conversation with { $name }, and tell them?
question-title = Sure?
done = done
words-title = Safety words with { $name }
words-about = Call { $name }, or meet: both of you see the same words if nobody is between you. Compare them aloud.
words-question = Are they the same? y: yes, { $name } is verified from now on. Otherwise stop writing.
words-verified = { $name } is verified: you have compared them.
verified-now = { $name } is verified

## Groups
group-made = the group { $group } is there; /add invites a contact
group-yes = joining { $group }
group-no = no to { $group }
group-joined = you are in the group { $group }
group-offer = { $name } invites you to the group { $group } (/groups answers)
group-members = members now: { $names }
group-gap = others in this group may see something that you do not
group-forked = STOP: the admin of this group shows different members to different people
group-removed = you are no longer a member
group-not-delivered = a text to { $name } was given up: not delivered
members-title = Members of { $group }
member-me = you
member-me-admin = you, admin
member-admin = admin
member-asked = invited, has not answered
member-invited = { $name } is invited
remove-question = Remove { $name } from this group?
hand-over-question = Make { $name } the admin of this group? You are none then.
leave-question = Leave the group { $group }?
offers-title = Invitations to groups
offer-from = from { $name }
offer-yes = Join { $group }
offer-no = Say no to { $group }
not-for-groups = not for groups
only-for-groups = only for groups

## Files
size-bytes = { $n } { $n ->
    [one] byte
   *[other] bytes
}
size-kib = { $n } KiB
size-mib = { $n } MiB
file-waits = { $contact } sends the file { $name } ({ $size }): /take FOLDER takes it
file-waits-mine = { $size }, waits for your /take FOLDER
file-waits-theirs = { $size }, waits for their yes
file-going = sent { $arrived } of { $size }
file-coming = { $arrived } of { $size } have come
file-saved = saved: { $name } ({ $size }) as { $path }
file-damaged = the file { $name } is not what its sender said: it was dropped
file-lost = the rest of the file { $name } does not come any more
file-queues = the file { $name } waits until others are complete
folder-failed = nothing can be written into { $folder }: { $why }
file-arrived = the file { $name } has arrived
file-not-delivered = the file { $name } was given up: not delivered
file-declined = the file { $name } was declined
file-unreadable = a file that is being sent waits: { $why }
file-offered = sending { $name } ({ $size })
files-taken = files of this contact are written into { $folder }
files-title = Files
file-cancel = Stop sending it
file-decline = Drop it
file-ended = { $name }: stopped

## Dialogs
keys-page = Esc back
keys-question = y yes · Esc no
keys-form = Enter next · Esc back
keys-pick = Enter · Esc back
pick-nothing = nothing
find-title = Find a conversation
what-to-do = What to do?
search-title = Search in this conversation
field-search = Text
search-nothing = { $text } does not occur further up
outbox-title = What has not arrived
outbox-empty = everything has arrived
settings-title = Settings
set-on = on
set-off = off
set-bell = Bell when something comes
set-notify = Notification of the terminal, without content
set-burn = Texts are gone after they were written
set-keys = Keys
setting-unread = what stands there is no setting: { $why }
setting-no-action = keys.{ $name }: there is no such action; there are { $known }
setting-no-key = keys.{ $name }: { $chord } is no key such as ctrl-p, alt-x or f2
setting-taken = keys.{ $name }: { $chord } is the key of something else already
setting-written = keys.{ $name }: { $chord } is a letter that is written; add ctrl- or alt-
setting-fixed = keys.{ $name }: { $chord } always does the same
copied = asked the terminal to copy it
paste-not-sent = pasted, and not sent: press Enter to send it
paste-cut = { $n ->
    [one] there was no room for { $n } byte of it: it was cut off
   *[other] there was no room for { $n } bytes of it: they were cut off
}
end-once-more = once more to end
panic-armed = { $key } now erases everything, at once; any other key goes back
no-such-command = there is no command /{ $name }; // writes a text that begins with a slash
clock-disputed = the clocks of this machine and of the server disagree: nothing old is deleted
profile-elsewhere = STOP: this profile runs somewhere else, too; a copy of it must not be used beside it
short-memory = { $server } keeps messages for less than a day: stay connected, or some may be lost

## Help
chord-ctrl = Ctrl
chord-shift = Shift
chord-page-up = PgUp
chord-page-down = PgDn
help-title = Keys and commands
help-about = Write, and Enter sends. Nothing else is needed.
help-edit = start, end, delete the line, the word, the rest
help-esc = back; in the messages: to the latest
help-end = end
key-help = this help
key-find = find a conversation
key-next-unread = next conversation with something unread
key-next-pane = next pane; completes commands
key-previous-pane = pane before
key-page-up = older messages
key-page-down = newer messages
key-new-line = new line in the text
key-search = search
key-burn = texts are gone after: next time
key-panic = erase everything at once, without a question
about-invite = { "[" }NAME]: make an invite for somebody
about-accept = { "[" }INVITE]: use an invite that you were given
about-invites = list your invites, take one back
about-requests = answer those who used an invite for many
about-verify = compare safety words with this contact
about-find = find a conversation
about-open = NAME: go to a conversation
about-rename = NAME: call this contact differently
about-trust = go on writing to a contact whose invite somebody else used
about-agree = write to this contact at its new server
about-block = end this conversation without a word
about-forget = end this conversation, and tell the contact
about-send = PATH: send a file
about-take = FOLDER: take this contact's files into it
about-files = files on their way; stop or drop one
about-group = NAME: make a group
about-add = CONTACT: invite a contact to this group
about-groups = invitations to groups
about-join = { "[" }GROUP]: say yes to an invitation
about-refuse = { "[" }GROUP]: say no to an invitation
about-members = who is in this group
about-remove = MEMBER: remove from this group
about-admin = MEMBER: make the admin of this group
about-leave = leave this group
about-burn = 30s, 5m, 1h, 7d or off: texts are gone so long after they were written
about-search = TEXT: search in this conversation
about-copy = copy the latest text (OSC 52)
about-status = how the connection is
about-unlock = open the profile in this program, after the one that ran it has ended
about-outbox = what has not arrived
about-settings = bell, notifications, times, keys
about-set = key ACTION KEY: another key, such as: /set key find ctrl-t
about-back = older messages
about-help = this help
about-panic = panic: erase everything at once: /panic panic
about-quit = end

## The linear mode
plain-open = Conversation with { $name }
plain-in-group = { $from } in { $group }: { $text }
plain-mine = you to { $name }: { $text }
plain-stands = your text to { $name }: { $standing }
plain-number = Write a number, or nothing to go back.
plain-nothing = nothing
plain-yes = Write y for yes, anything else for no.
