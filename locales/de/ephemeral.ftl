# Die Sätze von `ephemeral` auf Deutsch. Welches Wort wofür steht, sagt docs/languages.md.

## Ein Profil anlegen und behalten

init-cannot-be-recovered = Die Passphrase öffnet die Datei, in der das Profil liegt. Sie lässt sich nicht wiederherstellen.
init-done =
    Das Profil liegt in { $path }.
    So entsteht Kontakt: `ephemeral invite NAME` macht eine Einladung, `ephemeral accept EINLADUNG` nimmt eine an.
init-server = ein Server ist eine Onion-Adresse oder, auf diesem Rechner, localhost oder 127.0.0.1: auf dem Weg zu einem anderen könnten alle sehen, wer mit wem spricht
profile-none = das Profil { $path } gibt es nicht: `ephemeral init --server ADRESSE` legt eines an
profile-name = der Name eines Profils besteht aus 1 bis 64 Buchstaben, Ziffern, - und _
passphrase-ask = Passphrase:
passphrase-ask-new = Neue Passphrase:
passphrase-ask-again = Noch einmal:
passphrase-differ = die beiden Passphrasen stimmen nicht überein: es wurde nichts geändert
passphrase-no-terminal = ohne Terminal kann nicht nach der Passphrase gefragt werden: eine Datei oder Pipe mit --passphrase-file angeben
passphrase-unread = die Passphrase kann nicht gelesen werden: { $why }
backup-done = Die Sicherung taugt 8 bis 15 Tage: danach haben die Kontakte vergessen, was sie von ihnen weiß.
restore-done = { $count ->
    [one] { $count } Kontakt wird um einen Neubeginn gebeten, wenn `ephemeral recv` läuft
   *[other] { $count } Kontakte werden um einen Neubeginn gebeten, wenn `ephemeral recv` läuft
}
panic-erased = gelöscht: { $path }
panic-incomplete = nicht alles konnte gelöscht werden: { $why }
discovery-only-onion = Zugangsschlüssel gibt es nur für Server mit einer Onion-Adresse
discovery-none = den Zugangsschlüssel { $path } gibt es nicht: `ephemeral discovery new` legt einen an
no-random-numbers = keine Zufallszahlen: { $why }
no-home = es gibt kein Home-Verzeichnis: HOME setzen
no-signals = auf Signale kann nicht gewartet werden: { $why }
terminal-unusable = das Terminal ist nicht verwendbar: { $why }
profile-unopened = das Profil wurde nicht geöffnet: { $why }
cannot-start = Start nicht möglich: { $why }
nobody-reads = niemand liest die Ausgabe
output-failed = die Ausgabe kann nicht geschrieben werden: { $why }

## Kontakt aufnehmen

invite-too-long-for-qr = das passt in keinen QR-Code: { $why }
invite-cannot-write = { $path } kann nicht geschrieben werden: { $why }
qr-unread = { $path } ist nicht lesbar: { $why }
qr-too-large = { $path } ist zu groß: gelesen werden höchstens { $mib } MiB und { $megapixels } Megapixel; den Teil mit dem QR-Code ausschneiden
qr-no-png = { $path } ist kein lesbares PNG-Bild ({ $why }); umwandeln, oder den Text des Codes nehmen
qr-none = in { $path } ist kein QR-Code lesbar: das Bild näher, gerade von vorn und scharf aufnehmen
qr-other = der QR-Code in { $path } beginnt nicht mit { $scheme }
qr-several = in { $path } sind mehrere solche QR-Codes: den richtigen ausschneiden
qr-not-drawn = das Bild lässt sich nicht machen: { $why }
invite-time = { $text } ist keine Zeitangabe wie 90m, 12h oder 7d
invite-time-most = eine Einladung gilt höchstens 365 Tage
invite-line = { $number } { $kind }{ $name }, bis { $until }{ $user }
invite-once = einmalig
invite-reusable = mehrmals verwendbar
invite-for = {" "}für { $name }
invite-used = , verwendet von { $user }
invite-waits = {"  "}wartet auf ein Ja: { $identity } nennt sich { $name }
admit-done = Der Kontakt erfährt es, wenn `ephemeral recv` läuft.

## Der Weg zu einem Server

route-unencrypted = http:// zu einem anderen Rechner ist nicht verschlüsselt: auf dem Weg könnten alle sehen, wer mit wem spricht. Die Onion-Adresse des Servers verwenden
route-tor-config = --tor-config { $path }: { $why }
route-no-table = die Datei enthält keine Tabelle [tor]
moved-none-followed = keiner Mitteilung von { $address } wird gefolgt
moved-which = welche Mitteilung?
moved-empty = darin ist keine Mitteilung
moved-unread = die Mitteilung { $file } kann nicht gelesen werden: { $why }
moved-line = { $from } ist seit { $at } bei { $to }

## Während ein Profil läuft

run-moved = { $server } ist umgezogen nach { $to }
run-spread = verbunden wird binnen ein, zwei Minuten, zu zufälligen Zeitpunkten, die nicht verraten, was zusammengehört (--at-once wartet nicht)
run-connecting = Verbindung zu { $server } wird aufgebaut …
run-connected = verbunden
run-offline = { $server }: { $why }; neuer Versuch in { $seconds } s
run-unusable = { $server } ist nicht verwendbar: { $why }
run-dropped = jetzt nicht angenommen ({ $why }); wird später noch einmal gesendet
run-expired = eine Nachricht ist beim Server abgelaufen; sie wird noch einmal gesendet
run-short-memory = { $server } behält Nachrichten weniger als einen Tag: verbunden bleiben, sonst gehen vielleicht welche verloren
run-elsewhere = dieses Profil läuft auch anderswo: eine Kopie davon darf nicht zugleich verwendet werden
tor-no-answer = Tor startet: noch keine Antwort. Ist dieser Rechner online, und steht keine Anmeldeseite vor dem Netz?
tor-starting = Tor startet: { $percent } % (beim ersten Mal werden einige Megabyte geladen); danach: der Server
tor-searching = Tor ist bereit; der Server wird gesucht: einige Sekunden, höchstens eine Minute

## Was das Betriebssystem sagt

os-not-found = Datei oder Verzeichnis nicht gefunden
os-no-permission = keine Berechtigung
os-exists = schon vorhanden
os-refused = Verbindung abgelehnt
os-broken = Verbindung abgebrochen
os-timeout = keine Antwort in der vorgesehenen Zeit
os-unreachable = Netz oder Rechner nicht erreichbar
os-full = der Datenträger ist voll
os-read-only = das Dateisystem ist schreibgeschützt
os-directory = ist ein Verzeichnis
os-no-directory = ist kein Verzeichnis
os-too-large = zu groß

## Dateien

file-failed = { $path } kann nicht { $action ->
    [create] angelegt
    [erase] gelöscht
    [lock] gesperrt
    [open] geöffnet
    [overwrite] überschrieben
    [read] gelesen
    [remove] entfernt
    [replace] ersetzt
    [write] geschrieben
   *[other] verwendet
} werden: { $why }
file-denied = keine Berechtigung
file-denied-user = keine Berechtigung für Benutzer { $user }
file-denied-own = keine Berechtigung für Benutzer { $user }, dem { $path } gehört (Modus { $mode }): chmod u+rwX { $path }
file-denied-other = keine Berechtigung für Benutzer { $user }: { $path } gehört Benutzer { $owner } (Modus { $mode }). Als dieser Benutzer ausführen, oder: chown { $user } { $path }
file-disk-full = der Datenträger ist voll: dort Platz schaffen
file-read-only = das Dateisystem ist schreibgeschützt: schreibbar einhängen oder ein anderes Verzeichnis verwenden
secret-exists = { $path } ist schon vorhanden: diese Datei wird nie überschrieben. Zuerst an einen anderen Ort verschieben
secret-missing = die Datei { $path } gibt es nicht
secret-exposed = andere können { $path } lesen: `chmod 600 { $path }` ausführen
secret-none = { $path } ist keine Datei oder Pipe mit höchstens 4 KiB Text
discovery-exists = { $path } ist schon vorhanden: ein Schlüssel wird nie überschrieben. `ephemeral discovery show` zeigt die öffentliche Hälfte
discovery-other = { $path } enthält keinen Zugangsschlüssel für diesen Server: an einen anderen Ort verschieben
source-unread = { $path } kann nicht gelesen werden: { $why }
source-no-file = { $path } ist keine Datei
source-size = { $path } hat { $size ->
    [one] { $size } Byte
   *[other] { $size } Bytes
}: 1 bis { $most } können gesendet werden
source-path = der Pfad { $path } ist nicht UTF-8
source-changed = { $path } wurde seit dem Senden geändert: noch einmal senden
download-unwritten = { $path } kann nicht geschrieben werden: { $why }
download-no-folder = { $path } ist kein Ordner

## Die Datei des Profils

vault-locked = { $path } wird von einem anderen Prozess verwendet: diesen zuerst beenden oder ihn das tun lassen
vault-locked-by = { $path } wird von einem anderen Prozess ({ $process }) verwendet: diesen zuerst beenden oder ihn das tun lassen
vault-wrong-passphrase = falsche Passphrase für { $path }
vault-other-passphrase = falsche Passphrase für { $path }: eine Änderung wurde unterbrochen, und nur eine der beiden gilt. Die andere versuchen
vault-empty-passphrase = eine Passphrase darf nicht leer sein
vault-missing = in { $path } ist kein Profil: mit `ephemeral init` eines anlegen oder eine Sicherung wiederherstellen
vault-exists = { $path } ist schon vorhanden und wird nicht überschrieben
vault-occupied = in { $path } liegen andere Dateien: ein Profil braucht ein eigenes Verzeichnis
vault-damaged = { $path } ist beschädigt ({ $why }): eine Sicherung wiederherstellen
vault-no-backup = { $path } ist keine Sicherung oder beschädigt ({ $why }): eine andere Kopie verwenden
vault-too-long = der Zustand ist größer als 1 GiB
vault-erased = { $path } wurde von einem anderen Prozess gelöscht
vault-stopped = ein früherer Schreibvorgang in { $path } ist gescheitert: diesen Prozess beenden und neu starten
vault-unencrypted = der Zustand kann nicht verschlüsselt werden: { $why }

## Was mit Kontakten und Einladungen nicht geht

state-unwritten = der Zustand konnte nicht geschrieben werden, deshalb geht es nicht weiter
state-unknown = das ist kein Zustand dieser Version
nothing-such = diesen Kontakt, diese Einladung oder diese Gruppe gibt es nicht
invite-expired = die Einladung ist abgelaufen
invite-own = das ist eine eigene Einladung
invite-foreign = die Einladung führt zu einem anderen Server: { $server }. Wenn dessen Betreiber sehen darf, wann gesendet wird: --foreign hinzufügen
no-room = kein Platz für mehr: { $what }
too-long = zu lang
not-now = mit diesem Kontakt jetzt nicht möglich: { $why }
group-unchanged = so lässt sich die Gruppe nicht ändern
invite-damaged = die Einladung ist beschädigt
invite-version = die Einladung ist nicht für diese Version
invite-not-genuine = die Einladung ist nicht echt
room-inbox = Eingang
room-contacts = Kontakte
room-outbox = Ausgang
room-sending = Dateien, die gesendet werden
room-coming = Dateien, die ankommen: 256 MiB
room-groups = Gruppen
room-invites = Einladungen
not-now-over = die Unterhaltung ist beendet
not-now-identity = seine Identität ist noch nicht vollständig
not-now-no-answer = er hat noch nicht geantwortet, oder die Unterhaltung ist beendet
not-now-chunk = dieser Teil wird nicht verlangt
not-now-member = kein Mitglied, oder der Admin widerspricht sich
name-unknown = kein Kontakt und keine Gruppe heißt { $name }
name-ambiguous = mehrere heißen { $name }: { $unambiguous } verwenden
engine-elsewhere = dieses Profil läuft auch anderswo: eine Kopie davon darf nicht zugleich verwendet werden
engine-task = eine Verbindung ist durch einen Fehler in diesem Programm gescheitert: { $why }

## Adressen, Verbindungen, Tor

server-address = { $server }: { $why }
url-form = die Adresse eines Servers sieht so aus: NAME.onion, http://NAME.onion oder http://127.0.0.1:8443
url-https = https:// wird noch nicht unterstützt: die Onion-Adresse des Servers verwenden (http://NAME.onion), die Tor verschlüsselt
url-only-host = die Adresse eines Servers ist http://HOST oder http://HOST:PORT, und nichts dahinter
url-host = der Host in der Adresse des Servers ist kein gültiger Name und keine IP-Adresse
url-onion = die Onion-Adresse des Servers ist abgeschnitten oder hat Tippfehler: ihre 56 Buchstaben und Ziffern passen nicht zusammen
url-port = der Port in der Adresse des Servers ist keine Zahl von 1 bis 65535
dial-onion-directly = eine Onion-Adresse ist über Tor erreichbar, nicht direkt
dial-timeout = keine Verbindung innerhalb von { $seconds } s
dial-tcp = Verbindung nicht möglich: { $why }
dial-socks = der SOCKS-Proxy { $proxy }: { $why }
tor-path = das Zustandsverzeichnis { $path } ist nicht verwendbar: { $why }
tor-unsafe = { $path } ist kein sicherer Ort für die Dateien des Tor-Clients: { $fix }
tor-fix-mode = andere haben Zugriff darauf. Ausführen: chmod { $mode } { $path }
tor-fix-owner = es gehört Benutzer { $user }. Als dieser Benutzer ausführen oder den Eigentümer mit chown ändern
tor-in-use = ein anderer Prozess verwendet das Zustandsverzeichnis { $path }: ihn zuerst beenden oder hier mit --state-dir ein anderes angeben
tor-service = der Onion-Dienst startet nicht: { $why }
tor-runtime = der Tor-Client kann diese asynchrone Laufzeitumgebung nicht verwenden: { $why }
tor-no-network = das Tor-Netz ist nicht erreichbar: { $why }
tor-no-server = der Server ist über Tor nicht erreichbar: { $why }
moved-malformed = das ist keine Mitteilung über einen Umzug: { $why }
moved-too-much = mehr als { $most } Mitteilungen oder mehr als { $bytes } Bytes
moved-address = `{ $field }` in der Mitteilung ist nicht die Adresse eines Onion-Dienstes, in Kleinbuchstaben und mit `.onion`
moved-nowhere = der Mitteilung zufolge ist ein Dienst dorthin umgezogen, wo er schon ist
moved-time = `at` in der Mitteilung ist keine Zeitangabe nach RFC 3339
moved-signature = die Unterschrift in der Mitteilung ist nicht die der alten Adresse: ihr nicht folgen
moved-contradiction = einer anderen Mitteilung zufolge ist { $from } nach { $known } umgezogen: wer es besser weiß, vergisst zuerst diese (`ephemeral moved forget { $from }`)
moved-too-many = mehr als { $most } Mitteilungen
moved-interrupted = die Verbindung ist abgebrochen, bevor der Server geantwortet hat
moved-no-answer = keine Antwort vom Server innerhalb von { $seconds } s
moved-answer = der Server antwortet nicht wie vorgesehen
moved-server-has-none = der Server hat keine Mitteilung über einen Umzug (Status { $status })

## Was --help von sich aus sagt

help-usage = Aufruf:
help-commands = Befehle:
help-arguments = Argumente:
help-options = Optionen:
help-usage-options = [OPTIONEN]
help-usage-command = BEFEHL
help-default = [Vorgabe: { $value }]
help-help = Diese Hilfe oder die zu einem Befehl zeigen
help-flag = Diese Hilfe zeigen
help-version = Die Version zeigen

## Was an einer Befehlszeile falsch ist

usage-error = Fehler:
usage-tip = Tipp:
usage-more = Mehr dazu mit `--help`.
usage-unknown = unbekanntes Argument „{ $argument }“
usage-no-command = den Befehl „{ $command }“ gibt es nicht
usage-command-missing = „{ $command }“ braucht einen Befehl dahinter
usage-missing = diese Argumente fehlen:{ $arguments }
usage-value-missing = „{ $argument }“ braucht einen Wert
usage-value = „{ $value }“ ist kein Wert für „{ $argument }“
usage-value-why = „{ $value }“ ist kein Wert für „{ $argument }“: { $why }
usage-twice = „{ $argument }“ kann nicht mehrmals angegeben werden
usage-conflict = „{ $argument }“ geht nicht zusammen mit{ $others }
usage-too-many = „{ $value }“ ist für „{ $argument }“ ein Wert zu viel
usage-quoted = „{ $text }“
usage-not-text = ein Argument ist kein gültiges UTF-8
usage-other = so geht es nicht ({ $kind })
usage-similar = { $count ->
    [one] ähnlich gibt es { $what ->
        [subcommand] den Befehl
        [value] den Wert
       *[argument] das Argument
    } { $names }
   *[other] ähnlich gibt es { $what ->
        [subcommand] die Befehle
        [value] die Werte
       *[argument] die Argumente
    } { $names }
}
usage-no-number = das ist keine Zahl, die hier möglich ist
usage-no-address = das ist keine Adresse der Form 127.0.0.1:9050

## Kontakte, Prüfen

heal-begins = Es beginnt binnen 10 Minuten, während `ephemeral recv` läuft, bei jedem Kontakt in einem zufälligen Augenblick. Nachrichten warten, bis der Kontakt geantwortet hat; auch das zeigt der Befehl.
contact-contested = umstritten: prüfen
contact-ended = beendet
contact-not-answered = noch keine Antwort
contact-verified = geprüft
contact-new = neu
contact-on-the-way = , { $count } unterwegs
verify-not-same = HALT: die Codes stimmen nicht überein, das ist jemand anderes
verify-ask = Sieht der Kontakt dieselben Wörter? Dann ja eingeben:
verify-yes = ja
answer-unread = die Antwort kann nicht gelesen werden: { $why }
input-unread = die Standardeingabe kann nicht gelesen werden: { $why }
accept-done = { $name } findet die erste Nachricht; `ephemeral recv` holt die Antwort
accept-shown = { $kind }, gültig bis { $until }; Server { $server }
accept-late = der Kontakt ist angelegt, aber sein Server hat die erste Nachricht innerhalb von { $seconds } s nicht angenommen{ $why }
accept-interrupted = unterbrochen: die erste Nachricht wird beim nächsten Mal gesendet

## Gruppen

group-hears = { $name } erfährt es, wenn `ephemeral recv` läuft
group-others-hear = die Mitglieder erfahren es, wenn `ephemeral recv` läuft
group-joins-later = du bist dabei, sobald das Programm des Admins geantwortet hat: `ephemeral recv` ausführen
group-standing-left = verlassen
group-standing-contradictory = widersprüchlich
group-standing-joining = Beitritt läuft
group-standing-admin = Admin
group-standing-member = Mitglied
group-line = { $name } ({ $standing }, { $count ->
    [one] { $count } Mitglied
   *[other] { $count } Mitglieder
})
group-offered = { $name } (Einladung von { $from })
group-you = du
group-role-admin = , Admin
group-invited = { $name } (eingeladen, noch keine Antwort)

## Senden

send-empty = die Nachricht ist leer
send-too-long = die Nachricht ist länger als 47.000 Bytes
send-not-text = die Nachricht ist kein UTF-8-Text
send-write = Nachricht schreiben und mit Strg-D auf einer eigenen Zeile beenden
send-waiting = sie wartet beim Server; der Kontakt hat sie noch nicht …
send-interrupted = unterbrochen: die Nachricht bleibt hier, und das nächste `ephemeral recv` sendet sie
interrupted = unterbrochen
send-kept = die Nachricht bleibt hier: { $why }
send-contact-has-not = sie wartet beim Server, aber der Kontakt hat sie innerhalb von { $seconds } s nicht bekommen{ $why }
send-members-have-not = sie wartet beim Server, aber { $count ->
    [one] { $count } Mitglied hat
   *[other] { $count } Mitglieder haben
} sie innerhalb von { $seconds } s nicht bekommen{ $why }
send-not-taken = die Nachricht bleibt hier: der Server des Kontakts hat sie innerhalb von { $seconds } s nicht angenommen{ $why }
send-not-taken-for = die Nachricht bleibt hier: der Server hat sie für { $count ->
    [one] { $count } Mitglied
   *[other] { $count } Mitglieder
} innerhalb von { $seconds } s nicht angenommen{ $why }
send-when-met = sie wird an { $names } gesendet, sobald deren Programme dieses kennen
send-when-answered = sie wird gesendet, sobald der Kontakt geantwortet hat
file-given-up-before = was vor der Änderung von dieser Datei gesendet wurde, ist aufgegeben
file-waits-for-yes = eine große Datei wartet auf das Ja des Kontakts; auch nach Strg-C
file-interrupted = unterbrochen: { $progress }; der Rest wird gesendet, wenn `ephemeral recv` oder derselbe Befehl läuft
file-so-far = { $count ->
    [one] { $arrived } von { $count } Teil der Datei ist angekommen
   *[other] { $arrived } von { $count } Teilen der Datei sind angekommen
}
file-late = innerhalb von { $seconds } s: { $progress }{ $why }
file-refused = die Datei wurde aufgegeben: der Kontakt hat sie nicht angenommen
file-declined = der Kontakt hat die Datei abgelehnt
file-bar = { $bar } { $bytes } von { $total } angekommen, noch { $left }
file-kept = die Datei bleibt hier: { $why }
files-line = { $id } { $name } ({ $size }) von { $contact }: { $how }
files-waits = wartet auf ein Ja, mit `ephemeral recv --files DIR`
files-coming = { $arrived } sind angekommen
files-declined = die Datei ist abgelehnt; der Kontakt erfährt es, sobald `ephemeral recv` läuft
outbox-message = Nachricht
outbox-file = Datei { $name }
outbox-line = { $time }{ $id } { $what } an { $to }{ $whose }: { $how }
outbox-whose = { " " }für { $member }
outbox-kept = bleibt, bis die andere Seite geantwortet hat
outbox-sending = noch nicht gesendet
outbox-at-server = wartet beim Server
outbox-arrived = angekommen
outbox-given-up = aufgegeben
outbox-declined = abgelehnt
outbox-cancelled = die Datei wird nicht mehr gesendet; der Kontakt erfährt es

## Empfangen

recv-linger-late = einige Kontakte erfahren erst später, dass ihre Nachrichten angekommen sind
recv-interrupted-unread = unterbrochen, während niemand die Ausgabe las
recv-file-begins = { $contact } sendet { $name } ({ $size })
recv-none = innerhalb von { $seconds } s kam keine Nachricht{ $why }
recv-unreachable = der Server wurde innerhalb von { $seconds } s nicht erreicht{ $why }
exec-needs = --exec braucht einen Befehl
exec-cannot = { $program } kann nicht ausgeführt werden: { $why }
exec-lost = der Befehl ist verloren gegangen: { $why }
exec-killed = der Befehl endete nicht innerhalb von { $limit } s und wurde beendet: die Nachricht kommt in { $pause } s noch einmal
exec-code = der Befehl endete mit { $code }: die Nachricht kommt in { $pause } s noch einmal
exec-died = der Befehl wurde von außen beendet: die Nachricht kommt in { $pause } s noch einmal
exec-unknown = auf den Befehl kann nicht gewartet werden: { $why }: die Nachricht kommt in { $pause } s noch einmal

## Was geschehen ist

news-missing = { " " }(eine davor fehlt)
news-burns = { " " }(wird { $seconds } s nach dem Schreiben gelöscht)
news-accepted = * { $contact } hat die Einladung angenommen
news-asks = * jemand mit dem Namen { $name } möchte schreiben; ja sagen mit `ephemeral admit { $invite } { $identity }`
news-asks-and-writes = * jemand mit dem Namen { $name } möchte schreiben und schreibt: { $text }; ja sagen mit `ephemeral admit { $invite } { $identity }`
news-answered = * { $contact } hat geantwortet: jetzt können beide schreiben
news-given-up = * eine Nachricht an { $contact } wurde aufgegeben: nicht zugestellt
news-moves = * { $contact } möchte künftig auf { $server } erreicht werden, dessen Betreiber sähe, wann du online bist; zustimmen mit `ephemeral contacts agree { $contact }`
news-contested = * HALT: noch jemand hat die Einladung von { $contact } verwendet. Die Sicherheitswörter vergleichen mit `ephemeral verify { $contact }`
news-not-who = * HALT: { $contact } ist nicht die Person aus der Einladung
news-left = * { $contact } hat die Unterhaltung beendet
news-unstable = * in der Unterhaltung mit { $contact } stimmt etwas nicht: eine neue Einladung hilft
news-resumed = * { $contact } hat geantwortet: es geht weiter
news-needs-invite = * { $contact } hat eine Woche lang nicht geantwortet: eine neue Einladung ist nötig
news-clock = * die Uhr dieses Rechners und die des Servers gehen auseinander: Altes wird nicht gelöscht
news-file = * { $contact } sendet die Datei { $name } ({ $size }); annehmen mit `ephemeral recv --files DIR`
news-file-saved = * { $contact } hat eine Datei gesendet: { $path }
news-file-damaged = * die Datei { $name } von { $contact } ist nicht die angekündigte: sie wurde gelöscht
news-file-gone = * was von der Datei { $name } von { $contact } geschrieben war, ist weg: noch einmal darum bitten
news-file-lost = * der Rest der Datei { $name } von { $contact } kam nicht: sie wurde gelöscht
news-file-arrived = * { $contact } hat die Datei { $name } ganz
news-file-given-up = * die Datei { $name } an { $contact } wurde aufgegeben: nicht zugestellt
news-file-declined = * { $contact } hat die Datei { $name } abgelehnt
news-group-offer = * { $contact } lädt in die Gruppe { $name } ein; beitreten mit `ephemeral group join { $name }`
news-group-joined = * du bist in der Gruppe { $group }
news-group-gap = * andere in { $group } sehen vielleicht etwas, das hier fehlt
news-group-members = * { $group } hat jetzt { $count ->
    [one] { $count } Mitglied
   *[other] { $count } Mitglieder
}
news-group-forked = * HALT: der Admin von { $group } zeigt verschiedenen Personen verschiedene Mitglieder
news-group-removed = * du bist nicht mehr in der Gruppe { $group }
news-group-given-up = * eine Nachricht an { $group } wurde aufgegeben: { $member } nicht zugestellt

## Engine und Socket

engine-ended = die Engine ist beendet
engine-erased = das Profil wurde gelöscht
engine-gone = der Prozess, der das Profil hatte, ist beendet: noch einmal versuchen
engine-silent = der Prozess, der das Profil hat, hat nicht innerhalb von { $seconds } s geantwortet
engine-broken = die Verbindung mit der Engine ist gestört: { $why }
engine-other-version = die Engine ist von einer anderen Version: { $why }
vault-locked-by-command = { $path } wird von einem anderen Prozess ({ $process }: `{ $command }`) verwendet: diesen zuerst beenden oder ihn das tun lassen
serve-needs-server = --ephemeral braucht --server
serve-at = erreichbar unter { $path }
serve-no-place = es gibt keinen Ort für den Socket: XDG_RUNTIME_DIR nennt keinen. `ephemeral rpc` braucht keinen
serve-taken = unter { $path } ist schon ein anderer Prozess erreichbar: ein anderes --profile wählen
socket-cannot-connect = keine Verbindung mit { $path }: { $why }
socket-other-user = { $path } gehört einem anderen Benutzer
socket-cannot-open = der Socket { $path } kann nicht geöffnet werden: { $why }
socket-something-else = dort ist etwas anderes
socket-cannot-make = { $path } kann nicht angelegt werden: { $why }
socket-not-own = { $path } gehört nicht diesem Benutzer allein: chmod 700
run-file-unreadable = eine Datei, die gesendet wird, wartet: { $why }
run-file-no-room = { $name } wartet, bis andere Dateien fertig sind: 256 MiB sind unterwegs

## Was eine Engine ablehnt

refused-no-method = die Methode „{ $name }“ gibt es nicht
refused-contact-name = ein Kontakt braucht einen Namen, den kein anderer hat
refused-does-not-move = der Kontakt möchte nicht wechseln
refused-several-wait = mehrere Wartende haben eine Identität, die so beginnt: mehr Ziffern angeben
refused-nobody-waits = dort wartet niemand, dessen Identität so beginnt
refused-connections = mit dieser Engine gibt es schon 32 Verbindungen: zuerst eine beenden
refused-group-burns = ein Text an eine Gruppe lässt sich nicht nach einer Zeit löschen: --burn weglassen
refused-out = du bist kein Mitglied dieser Gruppe mehr
refused-not-yet-in = der Admin hat den Beitritt noch nicht bestätigt: `ephemeral recv` ausführen
refused-forked = HALT: der Admin zeigt verschiedenen Personen verschiedene Mitglieder
refused-alone = sonst ist niemand in der Gruppe
refused-group-name = der Name einer Gruppe hat 1 bis 64 Bytes und beginnt nicht mit group-, contact- oder ~
refused-taken = ein Kontakt oder eine Gruppe heißt schon { $name }: einen anderen Namen wählen
refused-offer-taken = ein Kontakt oder eine Gruppe heißt schon { $name }: mit --as NAME anders nennen
refused-not-admin = das kann nur der Admin von { $group }: { $admin }
refused-member-already = { $name } ist schon Mitglied
refused-group-full = eine Gruppe hat höchstens { $most } Mitglieder
refused-remove-me = das bist du: die Gruppe mit `ephemeral group hand-over` übergeben und dann verlassen
refused-admin-already = du bist schon Admin
refused-last-admin = niemand könnte die Gruppe mehr ändern: sie zuerst mit `ephemeral group hand-over` übergeben
refused-file-to-group = eine Datei geht an einen Kontakt, nicht an eine Gruppe
refused-no-file = keine Datei heißt { $name }
refused-folder = in { $path } kann nicht geschrieben werden: { $why }

## Warum es keine Verbindung gibt

lost-closed = der Server hat die Verbindung ohne Angabe von Gründen geschlossen
lost-closed-code = der Server hat die Verbindung geschlossen: Code { $code }
lost-closed-reason = der Server hat die Verbindung geschlossen: { $code } { $reason }
lost-dropped = die Verbindung ist abgebrochen
lost-io = die Verbindung ist abgebrochen: { $why }
lost-silent = der Server antwortet nicht mehr
lost-not-reading = der Server liest nicht mehr
lost-protocol = der Server hat etwas Falsches gesendet: { $what }
connect-refused = der Server hat die Verbindung abgelehnt: { $status }
connect-old-server = der Server hat die Verbindung abgelehnt: { $status }. Er ist älter als dieser Client und will die Identität in der URL, die Proxys mitschreiben: sein Betreiber muss ihn aktualisieren
connect-timeout = der Server hat nicht rechtzeitig geantwortet ({ $what })
unusable-limits = er nimmt höchstens { $bytes ->
    [one] { $bytes } Byte
   *[other] { $bytes } Bytes
} und behält sie höchstens { $seconds } s; nötig sind { $least-bytes } Bytes und { $least-seconds } s

## What a process leaves behind

core-dumps = Speicherabbilder lassen sich nicht verbieten: ein Absturz könnte Nachrichten auf den Datenträger schreiben
not-locked = der Arbeitsspeicher ist nicht gesperrt: Nachrichten könnten auf den Datenträger ausgelagert werden. `ulimit -l unlimited` hilft oder der Verzicht auf Swap
