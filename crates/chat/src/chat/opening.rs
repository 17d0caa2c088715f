//! The first start, and the passphrase of a profile that there is.

use ephemeral_client::ServerUrl;
use ephemeral_client::api::{Greeting, MethodError, Subscribe, TakeFiles, Taking};
use zeroize::Zeroizing;

use super::calls::PendingCall;
use super::{Chat, ChatOutput, Uplink};
use crate::dialog::{Dialog, Field, FormDialog, FormKind};
use crate::layout::Look;
use crate::words::say;

/// The ways in which a profile comes to be open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpeningStart {
    /// There is one, and its passphrase is asked for.
    Unlock,
    /// There is none.
    Create,
    /// There is to be one in memory only.
    CreateInMemory,
    /// An engine runs already, or the passphrase is known: nothing is asked.
    Running,
}

/// The profile that is to be opened or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// The profile that there is.
    Unlock(Zeroizing<String>),
    /// A new one.
    Create {
        /// Its passphrase; `None`: it is kept in memory only.
        passphrase: Option<Zeroizing<String>>,
        /// Its server: `NAME.onion`, or `http://HOST:PORT` on this machine.
        server: String,
        /// What one calls oneself.
        name: String,
    },
}

/// The fields of the form, in their order.
const NAME: usize = 0;
const WHERE: usize = 1;
const PASSPHRASE: usize = 2;
const AGAIN: usize = 3;

impl Chat {
    /// Shows what is asked first.
    pub(crate) fn begin(&mut self, start: OpeningStart) {
        let words = &self.words;
        let form = match start {
            OpeningStart::Running => return,
            OpeningStart::Unlock => {
                let fields = vec![Field::masked(say!(words, "field-passphrase"))];
                FormDialog::new(FormKind::Unlock, say!(words, "unlock-title"), fields)
            }
            OpeningStart::Create | OpeningStart::CreateInMemory => {
                let mut fields =
                    vec![Field::new(say!(words, "field-name"), 64), Field::new(say!(words, "field-server"), 4 * 1024)];
                if start == OpeningStart::Create {
                    fields.push(Field::masked(say!(words, "field-passphrase-new")));
                    fields.push(Field::masked(say!(words, "field-passphrase-again")));
                }
                FormDialog::new(FormKind::Create, say!(words, "create-title"), fields)
            }
        };
        self.show(Dialog::Form(form));
    }

    pub(crate) fn submit_unlock(&mut self, form: &mut FormDialog) -> bool {
        let passphrase = form.fields.first_mut().map(|field| field.editor.take()).unwrap_or_default();
        form.busy = true;
        self.outputs.push(ChatOutput::Open(Opening::Unlock(Zeroizing::new(passphrase))));
        true
    }

    pub(crate) fn submit_create(&mut self, form: &mut FormDialog) -> bool {
        match self.made(form) {
            Ok(opening) => {
                form.busy = true;
                form.error = None;
                self.outputs.push(ChatOutput::Open(opening));
            }
            Err((field, problem)) => {
                self.print(problem.clone());
                form.at = field;
                form.error = Some(problem);
            }
        }
        true
    }

    /// Returns what was filled in, or in which field something is wrong.
    fn made(&mut self, form: &FormDialog) -> Result<Opening, (usize, String)> {
        let words = &self.words;
        let given = form.field(WHERE);
        if given.is_empty() {
            return Err((WHERE, say!(words, "server-needed")));
        }
        let server = match self.read_invite(given) {
            Some(Ok(invite)) => {
                self.first_invite = Some(given.to_owned());
                invite.authority.as_str().to_owned()
            }
            Some(Err(problem)) => return Err((WHERE, problem)),
            None => {
                let url: Result<ServerUrl, _> = given.parse();
                let url = url.map_err(|_| (WHERE, say!(words, "server-wrong")))?;
                self.first_invite = None;
                url.authority()
            }
        };
        let typed = |field: usize| form.fields.get(field).map_or("", |field| field.editor.text());
        let passphrase = typed(PASSPHRASE);
        if passphrase != typed(AGAIN) {
            return Err((PASSPHRASE, say!(self.words, "passphrases-differ")));
        }
        let passphrase = (!passphrase.is_empty()).then(|| Zeroizing::new(passphrase.to_owned()));
        Ok(Opening::Create { passphrase, server, name: form.field(NAME).to_owned() })
    }

    pub(crate) fn opened(&mut self, greeting: Greeting) {
        let Greeting { version: _, name, server } = greeting;
        let start = |dialog: &Dialog| matches!(dialog, Dialog::Form(form) if matches!(form.kind, FormKind::Unlock | FormKind::Create));
        self.dialogs.retain(|dialog| !start(dialog));
        self.me = name;
        self.server = server;
        let again = std::mem::replace(&mut self.running, true);
        self.uplink = Uplink::Unknown;
        // Lists come first: what is told then has a place.
        self.list_all();
        self.call(&Subscribe { taking: Taking::Acknowledged }, PendingCall::Nothing);
        self.ask_status();
        if again {
            return self.opened_again();
        }
        let sentence = say!(self.words, "welcome");
        self.print(sentence);
        if let Some(invite) = self.first_invite.take() {
            self.show_accept_form(&invite);
        }
    }

    pub(crate) fn not_opened(&mut self, error: &MethodError) {
        let why = self.explained(error);
        let busy = self.dialogs.iter_mut().rev().find_map(|dialog| match dialog {
            Dialog::Form(form) if form.busy => Some(form),
            _ => None,
        });
        let Some(form) = busy else { return self.notify(why, Look::Warn) };
        form.busy = false;
        form.error = Some(why.clone());
        form.at = 0;
        self.print(why);
        self.print_field();
    }

    /// Tells the next engine of the profile what the one before was told and did not keep.
    fn opened_again(&mut self) {
        let folders = self.folders.clone();
        for (contact, folder) in folders {
            self.call(&TakeFiles { contact, folder }, PendingCall::Nothing);
        }
        if let Some(open) = self.open.clone() {
            self.ask_history(&open);
        }
        let sentence = say!(self.words, "engine-again");
        self.notify(sentence, Look::Good);
    }

    /// Takes note that the engine ended. Requests without an answer go back to where they were
    /// written.
    pub(crate) fn gone(&mut self, why: String) {
        self.uplink_is(Uplink::Gone(why));
        let nobody = MethodError { code: 1, message: String::new(), reason: None };
        for asked in std::mem::take(&mut self.waiting).into_values() {
            self.refused(asked, &nobody);
        }
    }

    /// Asks for the passphrase, to open the profile in this program.
    pub(crate) fn show_unlock(&mut self) {
        if matches!(self.uplink, Uplink::Gone(_)) {
            return self.begin(OpeningStart::Unlock);
        }
        let sentence = say!(self.words, "unlock-needless");
        self.notify(sentence, Look::Plain);
    }
}
