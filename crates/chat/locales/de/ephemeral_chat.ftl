# Die Sätze von `ephemeral chat`. Du, wo es nicht anders geht. Begriffe: Profil, Kontakt, Einladung, Sicherheitswörter,
# Passphrase, Server, Unterhaltung, Gruppe: docs/languages.md nennt sie.

## Who and how well
you = du
peer-new = neu: nicht geprüft
peer-verified = geprüft
peer-changed = GEÄNDERT: HALT, Sicherheitswörter vergleichen
peer-not-answered = hat noch nicht geantwortet
peer-left = die Unterhaltung ist beendet
peer-out = nicht mehr Mitglied
peer-forked = der Admin zeigt verschiedenen Personen verschiedene Mitglieder
peer-group = { $n ->
    [one] Gruppe mit einem Mitglied
   *[other] Gruppe mit { $n } Mitgliedern
}
nobody-yet = Noch ist niemand da. /invite macht eine Einladung für jemanden, /accept nimmt eine an, die du bekommen hast. F1 zeigt alle Tasten und Befehle.
nobody-open = Keine Unterhaltung ist offen: /invite oder /accept bringt in Kontakt, /find findet eine
nothing-unread = nichts ist ungelesen
header-help = F1 Hilfe
header-unread = { $n } ungelesen
list-draft = Entwurf
something-came = Eine Nachricht ist da

## How far a text came, and its time
standing-kept = wartet, bis der Kontakt geantwortet hat
standing-sending = wird gesendet
standing-at-server = wartet beim Server
standing-arrived = angekommen
standing-not-delivered = nicht zugestellt
standing-declined = abgelehnt
standing-members = { $n ->
    [one] bei einem Mitglied angekommen
   *[other] bei { $n } Mitgliedern angekommen
}
gone-in-days = weg in { $n } Tg.
gone-in-hours = weg in { $n } h
gone-in-minutes = weg in { $n } min
gone-in-seconds = weg in { $n } s
gone-now = weg
span-days = { $n } Tg.
span-hours = { $n } h
span-minutes = { $n } min
span-seconds = { $n } s
burn-never = Texte bleiben
burn-after = weg { $time } nach dem Schreiben
message-missing = eine Nachricht davor ist nicht angekommen
not-taken = nicht gesendet: { $why }
not-known-taken = keine Engine läuft: der Text steht wieder in der Zeile; vielleicht ist er gesendet, falls die Engine eben erst beendet wurde

## The connection
uplink-unknown = noch nicht verbunden
uplink-idle = nicht verbunden: es gibt noch keinen Kontakt und keine Einladung
uplink-tor = Tor startet: { $percent } %; danach: der Server
uplink-searching = Tor läuft; sucht seit { $time } den Server
uplink-connecting = verbindet sich seit { $time } mit dem Server
uplink-again = seit { $time } keine Verbindung; verbindet sich gerade
uplink-online = verbunden
uplink-offline = seit { $time } keine Verbindung: { $why }; nächster Versuch in { $next }
uplink-unusable = der Server ist nicht verwendbar: { $why }
uplink-gone = das Programm, in dem das Profil lief, ist beendet; seit { $time } wird ein anderes gesucht; /unlock öffnet es hier
uplink-broken = die Engine ist beendet: { $why }; seit { $time } wird eine andere gesucht; /unlock öffnet das Profil hier
engine-again = Das Profil läuft jetzt in einer anderen Engine: mit ihr verbunden
unlock-needless = das Profil ist offen
server-unusable = { $server } ist nicht verwendbar: { $why }
status-title = Verbindung
status-next = Das lässt sich nicht beschleunigen: jedes Postfach verbindet sich zu seiner eigenen Zeit, damit der Server nicht sieht, welche dir gehören.
status-server = dein Server: { $server }
status-name = du nennst dich: { $name }
status-not-open = Strg-C beendet
status-parts = { $bytes } { $bytes ->
    [one] Byte
   *[other] Bytes
}: geht in { $n } { $n ->
    [one] Nachricht
   *[other] Nachrichten
}
status-scrolled = ältere Nachrichten; Esc führt zur neuesten

## The first start
create-title = Willkommen
unlock-title = Dein Profil
field-name = Der Name, den deine Kontakte sehen
field-server = Die Einladung, die du bekommen hast, oder die Adresse eines Servers
field-passphrase = Passphrase
field-passphrase-new = Neue Passphrase (keine: das Profil ist nur im Arbeitsspeicher und am Ende weg)
field-passphrase-again = Die Passphrase noch einmal
server-needed = Nötig ist eine Einladung oder die Adresse eines Servers
server-wrong = Die Adresse eines Servers ist NAME.onion oder, auf diesem Rechner, http://127.0.0.1:PORT
passphrase-wrong = die Passphrase ist falsch
passphrases-differ = Die beiden Passphrasen sind verschieden
form-busy = Einen Moment …
welcome = Das Profil ist offen. /help zeigt alle Befehle.
engine-gone = die Engine ist nicht mehr da
answer-unknown = die Engine hat etwas geantwortet, das diese Version nicht versteht

## Invites
invite-title = Jemanden einladen
invite-about = Gib sie einer Person auf einem Weg, auf dem niemand sonst mitliest. Sie bringt euch in Kontakt; geprüft ist damit niemand.
field-invite-name = Wie du die Person nennst
field-invite-many = Für viele? Leer: für eine Person; etwas anderes: für viele, und alle warten auf dein Ja
invite-made-title = Deine Einladung
invite-made-once = Für eine Person, einmal, bis { $until }
invite-made-many = Für viele, bis { $until }; jede Person wartet auf dein Ja
invite-made-copy = c kopiert sie (OSC 52)
invite-made-room = Der QR-Code braucht { $width } Spalten und { $height } Zeilen
accept-title = Einladung annehmen
field-invite = Die Einladung
field-as = Wie du die Person nennst (leer: wie sie sich selbst nennt)
field-first-text = Deine erste Nachricht
invite-is-once = Eine Einladung für eine Person, einmal, bis { $until }
invite-is-many = Eine Einladung für viele, bis { $until }: die andere Seite muss Ja sagen
invite-is-over = Diese Einladung galt bis { $until }
invite-server = Server: { $server }
invite-server-foreign = Ein anderer Server als deiner: { $server }. Wer ihn betreibt, sieht, wann du sendest.
invite-verifies-nobody = Sie bringt euch in Kontakt. Vergleicht danach die Sicherheitswörter.
invite-damaged = Diese Einladung ist beschädigt: vertippt oder abgeschnitten
invite-not-for-this = Diese Einladung ist nicht für diese Version, nicht echt oder für einen Server auf dem Rechner, von dem sie kommt
invite-none = Das ist keine Einladung: eine beginnt mit ephemeral:
invites-title = Deine Einladungen
invite-used = verwendet
invite-open-once = für eine Person, bis { $until }
invite-open-many = für viele, bis { $until }
invite-revoke = Zurückziehen
invite-revoked = die Einladung ist zurückgezogen
requests-title = Wer auf dein Ja wartet
request-came = Jemand namens { $name } möchte dir schreiben: { $text } (antworten mit /requests)
request-yes = Ja zu { $name } sagen
request-no = Nein sagen; { $name } erfährt es nicht
request-declined = nein zu { $name }

## Contacts
contact-new = { $name } ist jetzt ein Kontakt. Schreib gleich los.
contact-came = { $name } hat deine Einladung angenommen ({ $itself })
contact-answered = { $name } hat geantwortet: ihr könnt einander schreiben
contact-moves = { $name } möchte Nachrichten an { $server }, wo der Betreiber sähe, wann du sendest; /agree erlaubt es
contact-contested = HALT: noch jemand hat die Einladung von { $name } verwendet. Vergleicht die Sicherheitswörter mit /verify
contact-not-who = HALT: { $name } ist nicht die Person aus der Einladung
contact-left = { $name } hat die Unterhaltung beendet
contact-unstable = in der Unterhaltung mit { $name } stimmt etwas nicht: eine neue Einladung hilft
contact-resumed = { $name } hat geantwortet: es geht weiter
contact-needs-invite = { $name } hat eine Woche lang nicht geantwortet: eine neue Einladung ist nötig
renamed = der Kontakt heißt jetzt { $name }
trust-question = Noch jemand hat die Einladung von { $name } verwendet. Diesem Kontakt weiterschreiben, ohne die Wörter verglichen zu haben?
trust-needless = niemand sonst hat die Einladung von { $name } verwendet
agree-question = { $name } bei { $server } schreiben? Wer den Server betreibt, sieht, wann du sendest.
agree-needless = { $name } hat nicht um Nachrichten auf einem anderen Server gebeten
block-question = Die Unterhaltung mit { $name } ohne ein Wort beenden?
forget-question = Die Unterhaltung mit { $name } beenden und Bescheid geben?
question-title = Sicher?
done = erledigt
words-title = Sicherheitswörter mit { $name }
words-about = Ruf { $name } an oder trefft euch: ihr seht dieselben Wörter, wenn niemand dazwischen ist. Lest sie einander laut vor.
words-question = Sind es dieselben? j: ja, { $name } ist ab jetzt geprüft. Sonst nicht weiterschreiben.
words-verified = { $name } ist geprüft: ihr habt sie verglichen.
verified-now = { $name } ist geprüft

## Groups
group-made = die Gruppe { $group } ist angelegt; /add lädt einen Kontakt ein
group-yes = Beitritt zu { $group }
group-no = nein zu { $group }
group-joined = du bist in der Gruppe { $group }
group-offer = { $name } lädt dich in die Gruppe { $group } ein (antworten mit /groups)
group-members = Mitglieder jetzt: { $names }
group-gap = andere in dieser Gruppe sehen vielleicht etwas, das du nicht siehst
group-forked = HALT: der Admin dieser Gruppe zeigt verschiedenen Personen verschiedene Mitglieder
group-removed = du bist nicht mehr Mitglied
group-not-delivered = ein Text an { $name } wurde aufgegeben: nicht zugestellt
members-title = Mitglieder von { $group }
member-me = du
member-me-admin = du, Admin
member-admin = Admin
member-asked = eingeladen, noch keine Antwort
member-invited = { $name } ist eingeladen
remove-question = { $name } aus dieser Gruppe entfernen?
hand-over-question = { $name } zum Admin dieser Gruppe machen? Du bist es dann nicht mehr.
leave-question = Die Gruppe { $group } verlassen?
offers-title = Einladungen in Gruppen
offer-from = von { $name }
offer-yes = { $group } beitreten
offer-no = Nein zu { $group } sagen
not-for-groups = nicht für Gruppen
only-for-groups = nur für Gruppen

## Files
size-bytes = { $n } { $n ->
    [one] Byte
   *[other] Bytes
}
size-kib = { $n } KiB
size-mib = { $n } MiB
file-waits = { $contact } sendet die Datei { $name } ({ $size }): /take ORDNER nimmt sie an
file-waits-mine = { $size }, wartet auf dein /take ORDNER
file-waits-theirs = { $size }, wartet auf das Ja der anderen Seite
file-going = { $arrived } von { $size } gesendet
file-coming = { $arrived } von { $size } sind da
file-saved = gespeichert: { $name } ({ $size }) als { $path }
file-damaged = die Datei { $name } ist nicht, was angekündigt war: verworfen
file-lost = der Rest der Datei { $name } kommt nicht mehr
file-queues = die Datei { $name } wartet, bis andere vollständig sind
folder-failed = in { $folder } kann nicht geschrieben werden: { $why }
file-arrived = die Datei { $name } ist angekommen
file-not-delivered = die Datei { $name } wurde aufgegeben: nicht zugestellt
file-declined = die Datei { $name } wurde abgelehnt
file-unreadable = eine Datei, die gesendet wird, wartet: { $why }
file-offered = { $name } ({ $size }) wird gesendet
files-taken = Dateien dieses Kontakts werden in { $folder } geschrieben
files-title = Dateien
file-cancel = Nicht weiter senden
file-decline = Verwerfen
file-ended = { $name }: abgebrochen

## Dialogs
keys-page = Esc zurück
keys-question = j ja · Esc nein
keys-form = Enter weiter · Esc zurück
keys-pick = Enter · Esc zurück
pick-nothing = nichts
find-title = Unterhaltung finden
what-to-do = Was tun?
search-title = In dieser Unterhaltung suchen
field-search = Text
search-nothing = { $text } kommt weiter oben nicht vor
outbox-title = Was noch nicht angekommen ist
outbox-empty = alles ist angekommen
settings-title = Einstellungen
set-on = an
set-off = aus
set-bell = Signalton, wenn etwas kommt
set-notify = Meldung des Terminals, ohne Inhalt
set-burn = Texte verschwinden nach dem Schreiben
set-keys = Tasten
setting-unread = was dort steht, ist keine Einstellung: { $why }
setting-no-action = keys.{ $name }: eine solche Aktion gibt es nicht; es gibt { $known }
setting-no-key = keys.{ $name }: { $chord } ist keine Taste wie ctrl-p, alt-x oder f2
setting-taken = keys.{ $name }: { $chord } ist schon die Taste für etwas anderes
setting-written = keys.{ $name }: { $chord } ist ein Buchstabe, der geschrieben wird: mit ctrl- oder alt- davor geht es
setting-fixed = keys.{ $name }: { $chord } tut immer dasselbe
copied = das Terminal wurde gebeten, es zu kopieren
paste-not-sent = eingefügt, nicht gesendet: Enter sendet es
paste-cut = { $n ->
    [one] für { $n } Byte war kein Platz: es ist abgeschnitten
   *[other] für { $n } Bytes war kein Platz: sie sind abgeschnitten
}
end-once-more = noch einmal zum Beenden
panic-armed = { $key } löscht jetzt alles, sofort; jede andere Taste führt zurück
no-such-command = den Befehl /{ $name } gibt es nicht; // schreibt einen Text mit Schrägstrich am Anfang
clock-disputed = die Uhr dieses Rechners und die des Servers gehen auseinander: Altes wird nicht gelöscht
profile-elsewhere = HALT: dieses Profil läuft auch anderswo; eine Kopie davon darf nicht zugleich verwendet werden
short-memory = { $server } behält Nachrichten weniger als einen Tag: verbunden bleiben, sonst gehen vielleicht welche verloren

## Help
chord-ctrl = Strg
chord-shift = Umschalt
chord-page-up = Bild auf
chord-page-down = Bild ab
help-title = Tasten und Befehle
help-about = Schreiben, und Enter sendet. Mehr braucht es nicht.
help-edit = Anfang, Ende; löscht Zeile, Wort, Rest
help-esc = zurück; in den Nachrichten: zur neuesten
help-end = beenden
key-help = diese Hilfe
key-find = eine Unterhaltung finden
key-next-unread = nächste Unterhaltung mit Ungelesenem
key-next-pane = nächster Bereich; ergänzt Befehle
key-previous-pane = vorheriger Bereich
key-page-up = ältere Nachrichten
key-page-down = neuere Nachrichten
key-new-line = neue Zeile im Text
key-search = suchen
key-burn = Texte verschwinden nach: nächste Zeit
key-panic = alles sofort löschen, ohne Frage
about-invite = { "[" }NAME]: Einladung für jemanden machen
about-accept = { "[" }EINLADUNG]: eine Einladung annehmen
about-invites = deine Einladungen; eine zurückziehen
about-requests = antworten, wo jemand eine Einladung für viele verwendet hat
about-verify = Sicherheitswörter mit diesem Kontakt vergleichen
about-find = eine Unterhaltung finden
about-open = NAME: zu einer Unterhaltung gehen
about-rename = NAME: diesen Kontakt anders nennen
about-trust = weiterschreiben, obwohl noch jemand die Einladung verwendet hat
about-agree = diesem Kontakt auf dem neuen Server schreiben
about-block = diese Unterhaltung ohne ein Wort beenden
about-forget = diese Unterhaltung beenden und Bescheid geben
about-send = PFAD: eine Datei senden
about-take = ORDNER: Dateien dieses Kontakts dorthin annehmen
about-files = Dateien unterwegs; eine abbrechen oder verwerfen
about-group = NAME: eine Gruppe anlegen
about-add = KONTAKT: in diese Gruppe einladen
about-groups = Einladungen in Gruppen
about-join = { "[" }GRUPPE]: eine Einladung annehmen
about-refuse = { "[" }GRUPPE]: eine Einladung ablehnen
about-members = wer in dieser Gruppe ist
about-remove = MITGLIED: aus dieser Gruppe entfernen
about-admin = MITGLIED: zum Admin dieser Gruppe machen
about-leave = diese Gruppe verlassen
about-burn = 30s, 5m, 1h, 7d oder off: Texte verschwinden so lange nach dem Schreiben
about-search = TEXT: in dieser Unterhaltung suchen
about-copy = den neuesten Text kopieren (OSC 52)
about-status = wie es um die Verbindung steht
about-unlock = das Profil in diesem Programm öffnen, nachdem das andere, in dem es lief, beendet ist
about-outbox = was noch nicht angekommen ist
about-settings = Signalton, Meldungen, Zeiten, Tasten
about-set = key AKTION TASTE: andere Taste, etwa: /set key find ctrl-t
about-back = ältere Nachrichten
about-help = diese Hilfe
about-panic = panic: alles sofort löschen: /panic panic
about-quit = beenden

## The linear mode
plain-open = Unterhaltung mit { $name }
plain-in-group = { $from } in { $group }: { $text }
plain-mine = du an { $name }: { $text }
plain-stands = dein Text an { $name }: { $standing }
plain-number = Eine Zahl schreiben, oder nichts, um zurückzugehen.
plain-nothing = nichts
plain-yes = j für ja schreiben, alles andere heißt nein.
