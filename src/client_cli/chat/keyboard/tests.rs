//! What terminals send, and what is understood by it.

use super::*;

/// What bytes say, whether they come at once or one by one.
fn said(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    let mut keyboard = Keyboard::default();
    keyboard.take(bytes, &mut out);
    keyboard.pause(&mut out);
    assert!(keyboard.rest.is_empty(), "{bytes:?} leaves {:?}", keyboard.rest);
    let mut one_by_one = Vec::new();
    for byte in bytes {
        keyboard.take(&[*byte], &mut one_by_one);
    }
    keyboard.pause(&mut one_by_one);
    assert_eq!(format!("{one_by_one:?}"), format!("{out:?}"));
    let name = |input: &ChatInput| match input {
        ChatInput::Key(KeyPress { code, ctrl, alt }) => {
            let modifiers = [(*ctrl, "ctrl-"), (*alt, "alt-")];
            let held: String = modifiers.iter().filter(|(held, _)| *held).map(|(_, name)| *name).collect();
            format!("{held}{code:?}")
        }
        other => format!("{other:?}"),
    };
    out.iter().map(name).collect::<Vec<_>>().join(" ")
}

#[test]
fn characters_are_what_they_are_and_control_characters_are_keys() {
    assert_eq!(said("aÄ語👪".as_bytes()), "Char('a') Char('Ä') Char('語') Char('👪')");
    assert_eq!(said(b"\r\t\x7f\x1b"), "Enter Tab Backspace Esc");
    assert_eq!(
        said(b"\x00\x01\x0a\x0b\x1a\x1c"),
        "ctrl-Char(' ') ctrl-Char('a') ctrl-Char('j') ctrl-Char('k') \
         ctrl-Char('z') ctrl-Char('4')"
    );
    assert_eq!(said(b"a\xffb\xc3(c\xed\xa0\x80d"), "Char('a') Char('b') Char('(') Char('c') Char('d')");
}

#[test]
fn keys_without_a_character_are_known_in_each_way_that_terminals_send_them() {
    assert_eq!(said(b"\x1b[A\x1b[B\x1b[C\x1b[D\x1b[H\x1b[F\x1b[Z"), "Up Down Right Left Home End BackTab");
    assert_eq!(said(b"\x1bOA\x1bOH\x1bOF\x1bOP\x1bOS"), "Up Home End F(1) F(4)");
    assert_eq!(said(b"\x1b[1~\x1b[3~\x1b[4~\x1b[5~\x1b[6~\x1b[7~\x1b[8~"), "Home Delete End PageUp PageDown Home End");
    assert_eq!(
        said(b"\x1b[11~\x1b[15~\x1b[17~\x1b[21~\x1b[23~\x1b[24~\x1b[[A\x1b[[E"),
        "F(1) F(5) F(6) F(10) F(11) F(12) F(1) F(5)"
    );
    assert_eq!(said(b"\x1b[2~\x1b[I\x1b[12;40R\x1b[?1;2c\x1b[99~\x1bOz"), "", "what is no key of ours");
}

#[test]
fn modifiers_are_told_by_a_number_or_by_an_escape_character_before_the_key() {
    assert_eq!(said(b"\x1b[1;5A\x1b[1;3D\x1b[5;7~\x1b[1;2P"), "ctrl-Up alt-Left ctrl-alt-PageUp F(1)");
    assert_eq!(said(b"\x1bx\x1b\r\x1b\x02"), "alt-Char('x') alt-Enter ctrl-alt-Char('b')");
    assert_eq!(said("\x1bä".as_bytes()), "alt-Char('ä')");
    assert_eq!(
        said(b"\x1b[97;5u\x1b[97;2u\x1b[13;3u\x1b[9;2u\x1b[27u"),
        "ctrl-Char('a') Char('A') alt-Enter BackTab Esc"
    );
    assert_eq!(said(b"\x1b\x1b"), "Esc Esc");
}

#[test]
fn a_paste_is_one_whatever_is_in_it_and_a_broken_sequence_swallows_nothing_behind_it() {
    assert_eq!(
        said(b"a\x1b[200~/quit\n\x1b[A\xff\x1b[201~b"),
        "Char('a') Paste(\"/quit\\n\\u{1b}[A\u{fffd}\") Char('b')"
    );
    assert_eq!(said(b"\x1b[1;\rx"), "Enter Char('x')");
    let long = [PASTE, &vec![b'x'; 2 * LONGEST_PASTE], b"\n/quit\n", PASTE_END].concat();
    let mut out = Vec::new();
    let mut keyboard = Keyboard::default();
    long.chunks(4096).for_each(|part| keyboard.take(part, &mut out));
    assert!(out.len() > 1 && out.iter().all(|input| matches!(input, ChatInput::Paste(_))), "no keys");
    let endless = [b"\x1b[".as_slice(), &[b'1'; LONGEST_SEQUENCE], b"x"].concat();
    assert!(said(&endless).ends_with("Char('x')"));
}

#[test]
fn nothing_of_what_was_understood_is_kept() {
    let mut keyboard = Keyboard::default();
    let mut out = Vec::new();
    keyboard.take(b"\x1b[200~correct horse battery staple\x1b[201~\x1b[", &mut out);
    assert_eq!(out.len(), 1);
    keyboard.rest.resize(64, b'?');
    assert!(!String::from_utf8_lossy(&keyboard.rest).contains("horse"));
}
