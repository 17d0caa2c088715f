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
no-home = es gibt kein Home-Verzeichnis: den Ort mit --key und --state-dir angeben
no-signals = auf Signale kann nicht gewartet werden: { $why }
cannot-start = Start nicht möglich: { $why }
nobody-reads = niemand liest die Ausgabe
output-failed = die Ausgabe kann nicht geschrieben werden: { $why }

## Kontakt aufnehmen

invite-lost = die Einladung wurde gemacht, ist aber nicht da
invite-too-long-for-qr = das passt in keinen QR-Code: { $why }
invite-cannot-write = { $path } kann nicht geschrieben werden: { $why }
invite-time = { $text } ist keine Zeitangabe wie 90m, 12h oder 7d
invite-time-most = eine Einladung gilt höchstens 365 Tage
invite-line = { $number } { $kind }{ $name }, bis { $until }{ $user }
invite-once = einmalig
invite-reusable = mehrmals verwendbar
invite-for = {" "}für { $name }
invite-used = , verwendet von { $user }
invite-waits = {"  "}wartet auf ein Ja: { $identity } nennt sich "{ $name }"
admit-done = Der Kontakt erfährt es, wenn `ephemeral recv` läuft.
admit-several = mehrere der Wartenden beginnen so: mehr Ziffern angeben
admit-nobody = dort wartet niemand, dessen Identität so beginnt

## Der Weg zu einem Server

route-unencrypted = http:// zu einem anderen Rechner ist nicht verschlüsselt: auf dem Weg könnten alle sehen, wer mit wem spricht. Die Onion-Adresse des Servers verwenden
route-tor-config = --tor-config { $path }: { $why }
route-no-table = die Datei enthält keine Tabelle [tor]
moved-none-followed = zu { $address } wird keiner Mitteilung gefolgt
moved-which = welche Mitteilung?
moved-empty = darin ist keine Mitteilung
moved-unread = die Mitteilung { $file } kann nicht gelesen werden: { $why }
moved-line = { $from } ist seit { $at } bei { $to }

## Während ein Profil läuft

run-moved = { $server } ist umgezogen nach { $to }
run-connecting = Verbindung zu { $server } wird aufgebaut …
run-connected = verbunden
run-offline = { $server }: { $why }; neuer Versuch in { $seconds } s
run-unusable = { $server } ist nicht verwendbar: { $why }
run-dropped = jetzt nicht angenommen ({ $why }); wird später noch einmal gesendet
run-expired = eine Nachricht ist beim Server abgelaufen; sie wird noch einmal gesendet
run-short-memory = { $server } behält Nachrichten weniger als einen Tag: verbunden bleiben, sonst gehen vielleicht welche verloren
run-elsewhere = dieses Profil läuft auch anderswo: eine Kopie davon darf nicht zugleich verwendet werden
run-file-waits = die Datei { $name } wartet: { $why }
tor-no-answer = Tor startet: noch keine Antwort. Ist dieser Rechner im Netz, ohne Anmeldeseite davor?
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
source-size = { $path } hat { $size } Bytes: 1 bis { $most } können gesendet werden
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

core-stopped = der Zustand konnte nicht geschrieben werden, deshalb geht es nicht weiter
core-no-state = das ist kein Zustand dieser Version
core-unknown = diesen Kontakt, diese Einladung oder diese Gruppe gibt es nicht
core-expired = die Einladung ist abgelaufen
core-own-invite = das ist eine eigene Einladung
core-foreign = die Einladung führt zu einem anderen Server: { $server }. Wenn dessen Betreiber sehen darf, wann gesendet wird: --foreign hinzufügen
core-full = kein Platz für mehr: { $what }
core-too-long = zu lang
core-not-now = mit diesem Kontakt jetzt nicht möglich: { $why }
core-group = so lässt sich die Gruppe nicht ändern
invite-damaged = die Einladung ist beschädigt
invite-version = die Einladung ist nicht für diese Version
invite-not-genuine = die Einladung ist nicht echt
full-inbox = Eingang
full-contacts = Kontakte
full-outbox = Ausgang
full-sending = Dateien, die gesendet werden
full-coming = Dateien, die ankommen: 256 MiB
full-groups = Gruppen
full-invites = Einladungen
not-now-over = die Unterhaltung ist beendet
not-now-identity = seine Identität ist noch nicht vollständig
not-now-no-answer = er hat noch nicht geantwortet, oder die Unterhaltung ist beendet
not-now-chunk = dieses Stück wird nicht verlangt
not-now-member = kein Mitglied, oder der Admin widerspricht sich
name-unknown = kein Kontakt und keine Gruppe heißt { $name }
name-ambiguous = mehrere heißen { $name }: { $unambiguous } verwenden
engine-elsewhere = dieses Profil läuft auch anderswo: eine Kopie davon darf nicht zugleich verwendet werden
engine-task = die Aufgabe einer Verbindung ist gescheitert: { $why }

## Adressen, Verbindungen, Tor

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
tor-runtime = der Tor-Client kann diese asynchrone Laufzeit nicht verwenden: { $why }
tor-no-network = das Tor-Netz ist nicht erreichbar: { $why }
tor-no-server = der Server ist über Tor nicht erreichbar: { $why }
moved-malformed = das ist keine Mitteilung über einen Umzug: { $why }
moved-too-much = mehr als { $most } Mitteilungen oder mehr als { $bytes } Bytes
moved-address = `{ $field }` in der Mitteilung ist nicht die Adresse eines Onion-Dienstes, in Kleinbuchstaben und mit `.onion`
moved-nowhere = nach der Mitteilung ist ein Dienst dorthin umgezogen, wo er schon ist
moved-time = `at` in der Mitteilung ist keine Zeitangabe nach RFC 3339
moved-signature = die Unterschrift in der Mitteilung ist nicht die der alten Adresse: ihr nicht folgen
moved-contradiction = { $from } ist nach einer anderen Mitteilung umgezogen nach { $known }: wer es besser weiß, vergisst zuerst diese (`ephemeral moved forget { $from }`)
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
usage-more = Mehr dazu mit '--help'.
usage-unknown = unbekanntes Argument '{ $argument }'
usage-no-command = den Befehl '{ $command }' gibt es nicht
usage-command-missing = '{ $command }' braucht einen Befehl dahinter
usage-missing = diese Argumente fehlen:{ $arguments }
usage-value-missing = '{ $argument }' braucht einen Wert
usage-value = '{ $value }' ist kein Wert für '{ $argument }'
usage-value-why = '{ $value }' ist kein Wert für '{ $argument }': { $why }
usage-twice = '{ $argument }' kann nicht mehrmals angegeben werden
usage-conflict = '{ $argument }' geht nicht zusammen mit{ $others }
usage-too-many = '{ $value }' ist für '{ $argument }' ein Wert zu viel
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
usage-no-number = das ist keine Zahl, wie sie hier stehen kann
usage-no-address = das ist keine Adresse der Form 127.0.0.1:9050
