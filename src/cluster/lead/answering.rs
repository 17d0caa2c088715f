//! The connection to NATS, and what is answered there to the other machines.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_rustls::TlsConnector;

use super::{ClusterNode, JOIN, KEYS, PRESENCE, QUESTION, QUESTIONS, WIPE};
use crate::cluster::NatsAddress;
use crate::cluster::nats::wire::NatsMessage;
use crate::cluster::nats::{self, NatsOutgoing};
use crate::cluster::talk::OPERATOR;

impl ClusterNode {
    /// Keeps the connection, answers, and says again and again what the others are to know.
    pub(super) async fn connection(
        self: Arc<Self>,
        outgoing: NatsOutgoing,
        addresses: Vec<NatsAddress>,
        connector: Option<TlsConnector>,
    ) {
        let (questions, mut asked) = mpsc::channel::<NatsMessage>(QUESTIONS);
        let kept = nats::keep(Arc::clone(&self.nats), outgoing, addresses, connector, (QUESTION, questions));
        let answering = async {
            while let Some(question) = asked.recv().await {
                self.answer(&question).await;
            }
        };
        tokio::join!(kept, answering, self.keep_wiping(), self.keep_announcing());
    }

    async fn answer(&self, question: &NatsMessage) {
        match question.subject.as_str() {
            // What no machine of this cluster says is not heard.
            PRESENCE => self.hear_notice(&question.payload),
            WIPE => self.answer_wipe(question).await,
            OPERATOR => self.hear(question).await,
            KEYS => self.answer_with_keys(question).await,
            JOIN => self.answer_join(question).await,
            _ => {}
        }
    }

    async fn answer_with_keys(&self, question: &NatsMessage) {
        let Some(reply) = &question.reply else { return };
        if self.keys.is_empty() {
            return;
        }
        // What is no question gets no answer, and whoever gets none asks again.
        if let Ok(answer) = self.exchange.answer(&question.payload, &self.keys) {
            let _ = self.nats.publish(reply, &[], &answer).await;
        }
    }
}
