# Was `--help` auf Deutsch zeigt. Das Englische steht im Code, bei den Optionen. Eine Meldung heißt
# wie der Befehl, ihre Attribute wie die Argumente im Code; was mehrere haben, steht unter `any`.

any =
    .json = Ein JSON-Objekt ausgeben
    .profile = Das Profil: eine Person kann mehrere haben, ohne dass jemand das erkennt
    .profiles = Wo Profile liegen; sonst im Datenverzeichnis des Systems
    .passphrase_file = Eine Datei mit der Passphrase des Profils in der ersten Zeile oder eine Pipe wie <(pass ephemeral); sonst wird am Terminal gefragt
    .directory = Wo Zugangsschlüssel liegen; sonst in discovery/ im Konfigurationsverzeichnis des Systems
    .socks = Ein vorhandenes Tor unter dieser Adresse verwenden (meist 127.0.0.1:9050), nicht das eingebaute. Für einen Server mit beschränktem Zugang braucht es den Zugangsschlüssel: siehe `ephemeral discovery new --help`
    .tor_config = Eine TOML-Datei, deren Tabelle [tor] das eingebaute Tor bekommt (Brücken, private Netze)
    .state_dir = Wo das eingebaute Tor seine Dateien hat; sonst im Datenverzeichnis des Systems
    .quiet = Keine Meldungen zum Stand auf stderr; Fehler werden trotzdem gemeldet
    .at_once = So bald wie möglich verbinden, abholen und bestätigen. Ein Server kann dann an der Zeit erkennen, welche Postfächer einer Person gehören; sonst vergeht bis zu einer Minute
    .ADDR = ADRESSE
    .ADDRESS = ADRESSE
    .CONTACT = KONTAKT
    .CMD = BEFEHL
    .DIR = ORDNER
    .FILE = DATEI
    .ID = ID
    .GROUP = GRUPPE
    .IDENTITY = IDENTITÄT
    .INVITE = EINLADUNG
    .MEMBER = MITGLIED
    .NAME = NAME
    .NEW = NEU
    .NOTICE = MITTEILUNG
    .PATH = PFAD
    .SECONDS = SEKUNDEN
    .TEXT = TEXT
    .TIME = ZEIT
    .URL = URL

ephemeral = Nachrichten senden und empfangen, über einen Ephemeral Messenger Server
    .after =
        Exit-Codes:
           0  erledigt: bei `send` hat der Server des Kontakts die Nachricht
           1  etwas auf diesem Rechner: eine Datei, die Ausgabe, eine Unterbrechung
           2  die Befehlszeile ist falsch
           3  abgelehnt: vom Server, oder weil etwas nicht ist, wie es sein soll
           4  der Server wurde nicht erreicht, oder die Zeit war um
           5  jetzt ist kein Platz: später noch einmal versuchen
          65  die Einladung oder Sicherung ist keine, oder sie ist abgelaufen
          67  diesen Kontakt, diese Gruppe oder diese Datei gibt es nicht
          69  der Server ist nicht verwendbar
          74  das Profil kann nicht geschrieben oder gelesen werden
          75  das Profil wird gerade verwendet, hier oder an einem anderen Ort
          77  die Passphrase ist falsch

## Profil

init = Ein Profil anlegen: wer du für deine Kontakte bist
    .server = Dein Server: NAME.onion oder http://127.0.0.1:8443 auf diesem Rechner
    .name = Der Name, den deine Kontakte zuerst sehen
    .after =
        Beispiel:
          ephemeral init --server NAME.onion --name Alice

        Ein Profil ist, wer du für deine Kontakte bist. Es liegt in einer verschlüsselten Datei, die
        die Passphrase öffnet: wer sie vergisst, hat das Profil verloren. Niemand erfährt von einem
        Profil; es gibt keine Benutzerkonten.

passphrase = Die Passphrase ändern
    .new_passphrase_file = Eine Datei mit der neuen Passphrase in der ersten Zeile; sonst wird am Terminal gefragt
    .after =
        Beispiel:
          ephemeral passphrase

backup = Eine Sicherung des Profils schreiben
    .file = Die neue Datei. Sie wird nie überschrieben
    .after =
        Beispiel:
          ephemeral backup /media/stick/ephemeral.age

        Die Sicherung ist mit der Passphrase des Profils verschlüsselt. Sie taugt für 8 bis 15 Tage
        Unterhaltung: danach ist das, was sie von einem Kontakt weiß, älter als das, was der Kontakt noch
        hat, und eine neue Einladung ist nötig. Entweder oft eine machen oder keine.

restore = Das Profil aus einer Sicherung anlegen
    .file = Die Sicherung
    .after =
        Beispiel:
          ephemeral restore /media/stick/ephemeral.age

        Nur tun, wenn das Profil verloren ist: es darf nicht an zwei Orten verwendet werden.
        Unterhaltungen beginnen neu, damit kein Schlüssel zweimal verwendet wird: wer nach einer Woche
        nicht geantwortet hat, braucht eine neue Einladung.

panic = Das Profil sofort löschen, ohne Rückfrage
    .after =
        Beispiel:
          ephemeral panic

        Der Befehl fragt nichts, braucht keine Passphrase und wirkt auch, während ein anderes `ephemeral`
        läuft, das dann endet. Alles, was das Profil war, wird überschrieben und gelöscht. Was
        Flash-Speicher von überschriebenen Dateien behält, ist außer Reichweite: dagegen hilft ein
        verschlüsselter Datenträger.

## Einladungen

invite = Eine Einladung machen
    .name = Wie die Person heißen soll, die sie verwendet
    .reusable = Für viele: jede Person wartet auf ein Ja (`ephemeral admit`)
    .expires = Wie lange sie gilt: 90m, 12h, 7d; höchstens 365d. Sonst 7 Tage, 30, wenn sie mehrmals verwendbar ist
    .qr = Auch einen QR-Code zeichnen: in diese Datei, SVG oder (NAME.png) PNG, die nie überschrieben wird, oder mit - ins Terminal
    .after =
        Beispiele:
          ephemeral invite alice
          ephemeral invite alice --qr -
          ephemeral invite --reusable --expires 30d

        Gib sie einer Person auf einem Weg, den sonst niemand mitliest: eine einmalige Einladung
        kann verwenden, wer sie zuerst hat. Wer sie persönlich bekommt, weiß, dass du es bist. Eine
        mehrmals verwendbare Einladung darf öffentlich sein: wer sie verwendet, wartet auf dein Ja, und
        eine erste Nachricht ist nicht geschützt vor jemandem, der an dein Gerät kommt, bevor die
        Einladung abgelaufen ist.

accept = Eine Einladung annehmen und die erste Nachricht senden
    .invite = Die Einladung: ephemeral:… oder - für die Standardeingabe
    .qr = Die Einladung aus dem QR-Code in dieser PNG-Datei lesen
    .show = Sagen, was für eine Einladung es ist, wie lange sie gilt und zu welchem Server sie führt; sie wird nicht verwendet
    .name = Wie der Kontakt heißen soll; sonst so, wie er sich nennt
    .text = Ein Text, der mit der ersten Nachricht gesendet wird
    .foreign = Den Server der Einladung verwenden, auch wenn es nicht der eigene ist
    .timeout = So viele Sekunden auf den Server warten. Was nicht gesendet wurde, sendet `ephemeral recv`
    .after =
        Beispiele:
          ephemeral accept ephemeral:AQMB… --as bob --text 'Ich bin es'
          ephemeral accept - --as bob < einladung.txt
          ephemeral accept --qr einladung.png --as bob
          ephemeral accept --qr einladung.png --show

        Die erste Nachricht lässt sich senden, auch wenn die andere Seite nicht da ist: sie wartet beim Server.
        Mehr schreiben lässt sich, sobald die andere Seite geantwortet hat: `ephemeral recv` holt die
        Antwort. Eine Einladung von jemandem mit einem anderen Server wird nur mit --foreign angenommen:
        dessen Betreiber sieht, wann du sendest.

invites = Die Einladungen zeigen, und wer auf ein Ja wartet
    .json = JSON ausgeben
    .after =
        Beispiel:
          ephemeral invites --json

revoke = Eine Einladung zurücknehmen
    .invite = Die Nummer der Einladung
    .after =
        Beispiel:
          ephemeral revoke 7

        `ephemeral invites` zeigt die Nummern.

admit = Ja sagen zu einer Person, die eine mehrmals verwendbare Einladung verwendet hat
    .invite = Die Nummer der Einladung
    .identity = Der Anfang der Identität der wartenden Person, wie `ephemeral invites` sie zeigt
    .name = Wie der Kontakt heißen soll; sonst so, wie er sich nennt
    .after =
        Beispiel:
          ephemeral admit 7 4f2a9c01 --as carol

decline = Nein sagen zu einer Person, die eine mehrmals verwendbare Einladung verwendet hat. Sie erfährt es nicht
    .invite = Die Nummer der Einladung
    .identity = Der Anfang der Identität der wartenden Person, wie `ephemeral invites` sie zeigt
    .after =
        Beispiel:
          ephemeral decline 7 4f2a9c01

## Kontakte und Gruppen

contacts = Die Kontakte zeigen; einen umbenennen, sperren oder vergessen
    .name = Wie er heißt
    .json = JSON ausgeben
    .after =
        Beispiele:
          ephemeral contacts
          ephemeral contacts rename contact-7 carol
          ephemeral contacts block carol

contacts-rename = Einen Kontakt anders nennen. Er erfährt es nicht
    .new = Wie er heißen soll, höchstens 64 Bytes
    .after =
        Beispiel:
          ephemeral contacts rename contact-7 carol

contacts-block = Einen Kontakt und seine Schlüssel sofort löschen. Er erfährt es nicht, und was er sendet, wird nie abgeholt
    .after =
        Beispiel:
          ephemeral contacts block carol

contacts-forget = Eine Unterhaltung beenden: der Kontakt erfährt es, und nach acht Tagen werden die Schlüssel gelöscht
    .after =
        Beispiel:
          ephemeral contacts forget carol

contacts-agree = Einem Kontakt an dem Server schreiben, zu dem er wechseln möchte
    .after =
        Beispiel:
          ephemeral contacts agree carol

contacts-trust = Mit einem Kontakt weitermachen, obwohl noch jemand seine Einladung verwendet hat
    .after =
        Beispiel:
          ephemeral contacts trust carol

contacts-slow = Einen Kontakt erst spät (nach 10 bis 60 Minuten) wissen lassen, dass seine Nachrichten angekommen sind
    .after =
        Beispiel:
          ephemeral contacts slow carol

heal = Unterhaltungen neu beginnen, mit neuen Schlüsseln: nachdem jemand dieses Gerät hatte
    .contact = Der Kontakt; ohne Namen: alle, Gruppen und Einladungen
    .after =
        Beispiele:
          ephemeral heal
          ephemeral heal bob

        Das ist nötig, nachdem jemand anderes dieses Gerät oder eine Kopie seiner Dateien hatte. Jeder Kontakt
        und jede Gruppe bekommt ein neues Postfach, neue Schlüssel und eine neue Sitzung; Einladungen, die nicht
        verwendet wurden, werden zurückgenommen, auch mehrmals verwendbare. Es wirkt, sobald `ephemeral recv` läuft,
        bei jedem Kontakt, sobald er geantwortet hat: bis dahin warten Texte. Die Identität bleibt, und die Kopie
        hat sie: wenn das ein Problem ist, hilft ein neues Profil. Mit einem Namen beginnt nur dieser Kontakt neu:
        das hilft auch, wo es mit einem Kontakt nicht weitergeht.

verify = Sicherheitswörter mit einem Kontakt vergleichen
    .name = Der Kontakt
    .matches = Festhalten, dass die Wörter übereinstimmen
    .qr = Auch den QR-Code zeichnen
    .scanned = Der Text aus dem QR-Code des Kontakts, oder eine PNG-Datei (NAME.png) damit: er zählt, wenn er mit dem eigenen übereinstimmt
    .after =
        Beispiele:
          ephemeral verify alice
          ephemeral verify alice --matches

        Vergleiche die Wörter mit dem Kontakt, am besten laut und von Angesicht zu Angesicht oder
        am Telefon: beide sehen dieselben. Stimmen sie überein, ist niemand dazwischen. Am Terminal fragt
        der Befehl; --matches antwortet.

group = Mehreren zugleich schreiben: Gruppen anlegen, ihnen beitreten, sie ändern und verlassen
    .group = Die Gruppe
    .contact = Der Kontakt
    .member = Das Mitglied, wie `ephemeral group members` es zeigt, oder der Anfang seines Schlüssels
    .after =
        Beispiele:
          ephemeral group new friends
          ephemeral group invite friends bob
          ephemeral group join friends
          ephemeral send friends 'Hallo zusammen'

        Eine Gruppe hat bis zu 50 Mitglieder. Eines davon, der Admin, lädt ein und entfernt. Alle müssen
        denselben Server verwenden. Ein Text wird für jedes Mitglied verschlüsselt, und sonst erfährt
        niemand, dass es eine Gruppe gibt; Mitglieder erfahren die Schlüssel der anderen, und die Namen,
        die der Admin ihnen gibt. Was ein Befehl ändert, erfahren die anderen, wenn `ephemeral recv` oder
        `ephemeral send` läuft.

group-new = Eine Gruppe anlegen, mit sich selbst als Admin und einzigem Mitglied
    .name = Wie die Gruppe heißt, höchstens 64 Bytes. Wer eingeladen wird, sieht den Namen
    .after =
        Beispiel:
          ephemeral group new friends

group-list = Die Gruppen zeigen, auch die, zu denen eine Einladung da ist
    .json = JSON ausgeben, ein Objekt je Zeile
    .after =
        Beispiel:
          ephemeral group list

group-members = Die Mitglieder einer Gruppe zeigen
    .json = JSON ausgeben, ein Objekt je Zeile
    .after =
        Beispiel:
          ephemeral group members friends

group-invite = Einen Kontakt einladen. Sagt er ja, wird er Mitglied
    .after =
        Beispiel:
          ephemeral group invite friends bob

group-join = Eine Einladung annehmen
    .group = Die Gruppe, wie sie in der Einladung heißt
    .from = Der Kontakt, der einlädt, falls mehrere in Gruppen dieses Namens einladen
    .name = Wie die Gruppe hier heißen soll, falls schon etwas so heißt
    .after =
        Beispiel:
          ephemeral group join friends

group-decline = Eine Einladung ablehnen. Wer eingeladen hat, erfährt es nicht
    .group = Die Gruppe, wie sie in der Einladung heißt
    .from = Der Kontakt, der einlädt, falls mehrere in Gruppen dieses Namens einladen
    .after =
        Beispiel:
          ephemeral group decline friends

group-remove = Ein Mitglied entfernen. Es erfährt davon, und bekommt nichts, was Mitglieder danach schreiben
    .after =
        Beispiel:
          ephemeral group remove friends bob

group-hand-over = Ein anderes Mitglied zum Admin machen
    .after =
        Beispiel:
          ephemeral group hand-over friends bob

group-leave = Eine Gruppe verlassen. Alle Mitglieder erfahren es
    .after =
        Beispiel:
          ephemeral group leave friends

## Senden und empfangen

send = Eine Nachricht an einen Kontakt oder eine Gruppe senden
    .to = Der Kontakt oder die Gruppe
    .text = Die Nachricht, höchstens 47.000 Bytes; - oder nichts: von der Standardeingabe lesen
    .file = Diese Datei senden, nicht einen Text
    .burn = Auf beiden Seiten so viele Sekunden nach der Minute löschen, in der sie geschrieben wurde; was später kommt, nachdem es angezeigt wurde
    .wait = Warten, bis der Kontakt, oder jedes Mitglied der Gruppe, sie hat
    .timeout = So viele Sekunden warten: 180, außer bei einer Datei. Was nicht gesendet wurde, bleibt und wird später gesendet
    .json = Ein JSON-Objekt ausgeben, nicht die Kennung der Nachricht
    .after =
        Beispiele:
          ephemeral send alice 'Bis um acht'
          ephemeral send alice --wait < notizen.txt
          ephemeral send friends 'Hallo zusammen'
          ephemeral send alice --file bericht.pdf

        Der Befehl endet, wenn die Nachricht beim Server des Kontakts wartet, verschlüsselt für den Kontakt
        allein. Mit --wait endet er, wenn der Kontakt sie hat. Was auch geschieht: eine Nachricht wird 16
        Tage lang immer wieder gesendet, bis der Kontakt sie hat, solange `ephemeral recv` läuft;
        `ephemeral outbox` zeigt, was noch unterwegs ist.

        Eine Datei von bis zu 64 MiB wird in Teilen gesendet, so wie der Kontakt sie abholt: `send --file` endet, wenn
        der Kontakt sie ganz hat. Was nach einer Unterbrechung fehlt, wird gesendet, wenn `ephemeral recv`
        läuft, oder noch einmal derselbe Befehl; bis dahin muss die Datei bleiben, wo und wie sie ist. Eine
        Datei von mehr als 1 MiB wartet, bis der Kontakt ja sagt, mit `ephemeral recv --files DIR`.

        Andere Benutzer dieses Rechners können TEXT in der Liste der Prozesse sehen: - verwenden für alles,
        was sie nicht lesen sollen.

recv = Ausgeben, was kommt
    .once = Ausgeben, was wartet, es die Absender wissen lassen, dann enden. Wartet nichts, ist das kein Fehler
    .follow = Bleiben und ausgeben, was kommt (so ist es ohne Option). Strg-C oder SIGTERM beendet es, mit Exit-Code 0
    .wait = Mit --once: wenn nichts wartet, auf die erste Nachricht warten
    .no_linger = Mit --once: enden, sobald alles ausgegeben ist. Die Absender erfahren erst beim nächsten Mal, dass es ankam
    .files = Dateien annehmen, die Kontakte senden, und sie in diesen Ordner schreiben
    .json = Ein JSON-Objekt je Zeile ausgeben
    .timeout = Nach so vielen Sekunden aufgeben: mit --once insgesamt (300, außer mit --wait), sonst ohne Verbindung
    .exec = Diesen Befehl für jede Nachricht ausführen; alles, was folgt, sind seine Argumente
    .exec_timeout = Den Befehl nach so vielen Sekunden beenden, als wäre er gescheitert
    .after =
        Beispiele:
          ephemeral recv
          ephemeral recv --once --json | jq -r 'select(.event == "text").text'
          ephemeral recv --once --wait --timeout 600
          ephemeral recv --files ~/Downloads
          ephemeral recv --quiet --exec mail -s 'eine Nachricht' me

        Eine Zeile ist die Zeit, der Kontakt und die Nachricht; was keine Nachricht ist, beginnt mit *. Was
        auf ein Terminal wirken könnte, wird als Escape-Folge geschrieben (\n, \u{"{"}1b{"}"}), und umgekehrte Schrägstriche
        werden verdoppelt, so dass eine Nachricht immer eine Zeile ist; den genauen Text gibt --json. Was
        wegen eines Fehlers der Ausgabe nicht ausgegeben wurde, kommt beim nächsten Mal. Solange der Befehl
        läuft, sendet er auch, was unterwegs ist, und lässt Kontakte wissen, dass ihre Nachrichten
        angekommen sind; und die anderen Befehle verwenden ihn.

        Dateien werden nur mit --files geschrieben, in diesen Ordner; nie ersetzt eine Datei eine andere.
        Ohne die Option sagt eine Zeile, was wartet; `ephemeral files` zeigt es und kann ablehnen. Eine
        begonnene Datei geht weiter, wo sie stehen blieb, in dem Ordner, in dem sie begonnen wurde, und
        erscheint unter ihrem Namen, wenn sie ganz da ist und ihre Prüfsumme stimmt.

        --exec führt den Befehl, der folgt, ohne Shell für je eine Nachricht aus: der genaue Text ist dessen
        Standardeingabe, und EPHEMERAL_EVENT, _CONTACT, _GROUP, _MEMBER, _ID und _AT sagen, was sie ist. Eine
        Nachricht gilt als empfangen, wenn der Befehl mit 0 endet; sonst kommt sie nach einer Pause noch einmal.

chat = Sich mit Kontakten unterhalten, auf einem Bildschirm oder Zeile für Zeile
    .plain = Zeilen ausgeben, keinen Bildschirm zeichnen
    .ephemeral = Nichts auf dem Datenträger behalten: das Profil lebt so lange wie der Prozess
    .after =
        Beispiele:
          ephemeral chat
          ephemeral chat --plain
          ephemeral chat --ephemeral

        Ohne Profil fragt der Befehl nach einem Namen, nach der Einladung, die du bekommen hast, oder
        einem Server und nach einer Passphrase, und legt eines an. F1 zeigt alle Tasten und Befehle.
        Strg-X Strg-K löscht das Profil sofort, ohne Rückfrage. --plain ist für Vorleseprogramme: jedes
        Ereignis ist eine Zeile, und nichts wird zweimal gezeichnet; ein Terminal, das nicht mehr kann
        (TERM=dumb), bekommt das von selbst. NO_COLOR lässt Farben weg.

        Der Befehl verwendet die Engine von `ephemeral serve`, wenn eine läuft; sonst ist er selbst eine,
        die die anderen Befehle verwenden. Endet diese Engine, sucht er eine andere; /unlock öffnet das
        Profil in diesem Programm.

rpc = Für ein Programm da sein, mit JSON-Zeilen auf Standardeingabe und -ausgabe
    .ephemeral = Nichts auf dem Datenträger behalten: das Profil lebt so lange wie der Prozess
    .server = Der Server eines Profils, das nicht behalten wird
    .name = Der Name, den Kontakte eines Profils sehen, das nicht behalten wird
    .after =
        Beispiel:
          echo '{"{"}"jsonrpc":"2.0","id":1,"method":"contacts.list"{"}"}' | ephemeral rpc

        Eine Anfrage ist ein Objekt auf einer Zeile, die Antwort ebenso: JSON-RPC 2.0. Nach `subscribe` sagen
        Mitteilungen der Methode `event`, was kommt; was nicht geschrieben werden konnte, kommt beim nächsten
        Mal. Das Ende der Standardeingabe beendet den Befehl. Hat schon eine Engine das Profil
        (`ephemeral serve`), antwortet diese. `docs/rpc.md` nennt die Methoden und Ereignisse.

serve = Das Profil laufen lassen und über einen Socket für Programme und andere Befehle da sein
    .ephemeral = Nichts auf dem Datenträger behalten: das Profil lebt so lange wie der Prozess
    .server = Der Server eines Profils, das nicht behalten wird
    .name = Der Name, den Kontakte eines Profils sehen, das nicht behalten wird
    .after =
        Beispiele:
          ephemeral serve
          ephemeral serve --ephemeral --server NAME.onion --name Alice --profile meeting

        Der Befehl bleibt verbunden, holt ab und sendet. Die anderen Befehle finden ihn und verwenden ihn:
        dann brauchen sie keine Passphrase. Programme sprechen mit ihm in JSON-Zeilen (JSON-RPC 2.0,
        `docs/rpc.md`), über den Socket, den er nennt und der diesem Benutzer allein gehört. Strg-C oder
        SIGTERM beendet ihn.

files = Die Dateien zeigen, die Kontakte senden; eine ablehnen
    .decline = Diese Datei ablehnen, oder nichts mehr davon annehmen, und es dem Kontakt mitteilen
    .json = JSON ausgeben
    .after =
        Beispiele:
          ephemeral files
          ephemeral files --decline 4f2a9c0180d3b7e65512aa90c3f1e7d8

        `ephemeral recv --files DIR` nimmt an, was wartet. Was von einer abgelehnten Datei hier geschrieben
        ist, wird gelöscht, und das Programm des Kontakts sendet sie nicht weiter.

outbox = Zeigen, was noch unterwegs ist
    .to = Nur, was für diesen Kontakt oder diese Gruppe ist
    .cancel = Diese Datei nicht mehr senden, und es dem Kontakt mitteilen
    .json = JSON ausgeben
    .after =
        Beispiele:
          ephemeral outbox
          ephemeral outbox alice --json

        Was angekommen ist, steht nicht darin. Eine Datei, die der Kontakt abgelehnt hat, steht einen Tag lang darin.

## Server

discovery = Den Schlüssel für einen Server anlegen oder zeigen, den nicht alle finden können
    .server = Der Server: NAME.onion, mit http:// oder ohne

discovery-new = Einen Zugangsschlüssel für einen Server mit beschränktem Zugang anlegen und die öffentliche Hälfte ausgeben. Nie wird einer überschrieben
    .json = Ein JSON-Objekt ausgeben
    .after =
        Beispiel:
          ephemeral discovery new --server NAME.onion

        Ausgegeben wird die öffentliche Hälfte, descriptor:x25519:…: sie geht an den Betreiber, der sie mit
        `ephemeral-server clients add NAME KEY` hinzufügt. Von da an finden `send` und `recv` den Server.

        Mit --socks braucht das andere Tor den Schlüssel: `ClientOnionAuthDir DIRECTORY` in dessen torrc
        eintragen und die Datei dorthin kopieren; sie hat das Format, das C-tor liest, und
        `ephemeral discovery show --json` sagt, wo sie liegt. Jeder Server bekommt einen eigenen Schlüssel:
        zwei Server, die denselben sehen, wüssten, dass es derselbe Client ist. Ein umgezogener Server ist
        derselbe Server: sobald seiner Mitteilung gefolgt wird (`ephemeral moved`), findet der Schlüssel für
        die alte Adresse auch die neue.

discovery-show = Die öffentliche Hälfte des Zugangsschlüssels für einen Server ausgeben
    .json = Ein JSON-Objekt ausgeben
    .after =
        Beispiel:
          ephemeral discovery show --server NAME.onion

moved = Die Mitteilung eines Servers über seinen Umzug prüfen und ihr von da an folgen
    .notice = Die Mitteilung: eine Datei, ihr Text oder - für die Standardeingabe
    .json = JSON ausgeben
    .after =
        Beispiele:
          ephemeral moved moved.json
          ephemeral moved ask --server http://….onion
          ephemeral moved list

        Ein Server, der einen neuen Schlüssel bekommt, unterschreibt mit dem alten, wo er von da an zu
        finden ist. Eine Onion-Adresse ist ein öffentlicher Schlüssel, deshalb kann das prüfen, wer die alte
        Adresse kennt; eine Mitteilung, die nicht damit unterschrieben ist, ändert nichts. Sobald einer
        Mitteilung gefolgt wird, tritt die neue Adresse an die Stelle der alten, und der Zugangsschlüssel
        der alten wird für sie verwendet. Die erste Mitteilung einer Adresse zählt.

moved-ask = Einen Server nach seinen Mitteilungen fragen und ihnen folgen
    .server = Der Server: NAME.onion oder http://127.0.0.1:8443 auf diesem Rechner
    .after =
        Beispiel:
          ephemeral moved ask --server http://….onion

moved-list = Die Umzüge zeigen, denen gefolgt wird
    .after =
        Beispiel:
          ephemeral moved list --json

moved-forget = Der Mitteilung einer Adresse nicht mehr folgen
    .address = Die alte Adresse: NAME.onion, mit http:// oder ohne
    .after =
        Beispiel:
          ephemeral moved forget ….onion
