//! A client's WebSocket, and what it says and hears.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::message;

/// A client's WebSocket.
pub struct Socket {
    /// The stream of frames.
    pub socket: WebSocketStream<DuplexStream>,
}

impl Socket {
    /// Sends a frame.
    pub async fn send(&mut self, frame: &Value) {
        self.send_text(&frame.to_string()).await;
    }

    /// Sends a text frame, whatever it says.
    pub async fn send_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// Returns the next JSON frame. Fails where the session is closed instead, or nothing comes for
    /// a minute.
    pub async fn next(&mut self) -> Value {
        tokio::time::timeout(Duration::from_secs(60), self.next_frame()).await.expect("a frame")
    }

    /// Returns the next JSON frame, whenever it comes. Answers pings meanwhile.
    pub async fn next_frame(&mut self) -> Value {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).unwrap(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("instead of a frame: {other:?}"),
            }
        }
    }

    /// Sends a frame and returns the next one that comes.
    pub async fn ask(&mut self, frame: &Value) -> Value {
        self.send(frame).await;
        self.next().await
    }

    /// Has a message accepted that was not known before. Returns the answer.
    pub async fn sends(&mut self, id: &str, to: u8, content: &str) -> Value {
        let answer = self.ask(&message(id, to, content)).await;
        assert_eq!((&answer["type"], &answer["id"]), (&json!("accepted"), &json!(id)), "{answer}");
        assert_eq!(answer["duplicate"], json!(false));
        answer
    }

    /// Returns the code of the error with which a frame is refused.
    pub async fn refused(&mut self, frame: &Value) -> String {
        let answer = self.ask(frame).await;
        assert_eq!(answer["type"], "error", "{answer} to {frame}");
        answer["code"].as_str().unwrap().to_owned()
    }

    /// Returns the next frame, which is the message with this id.
    pub async fn receives(&mut self, id: &str) -> Value {
        let message = self.next().await;
        assert_eq!((&message["type"], &message["id"]), (&json!("message"), &json!(id)), "{message}");
        message
    }

    /// Acknowledges a message and what came before it.
    pub async fn acks(&mut self, message: &Value) {
        self.send(&json!({"type": "ack", "seq": message["seq"]})).await;
    }

    /// Checks that the next frame says that all that had waited has come.
    pub async fn catches_up(&mut self) {
        assert_eq!(self.next().await, json!({"type": "caught_up"}));
    }

    /// Checks that the session still answers.
    pub async fn goes_on(&mut self) {
        assert_eq!(self.refused(&json!({"type": "are you there?"})).await, "unknown_type");
    }

    /// Checks that nothing but pings comes while everybody has the time to send something: 100 ms.
    pub async fn hears_nothing(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(100), self.next_frame()).await;
        assert!(next.is_err(), "heard {next:?}");
    }

    /// Returns the code and reason with which the server closes, after whatever else it still says.
    pub async fn closed(&mut self) -> (u16, String) {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(600), self.socket.next()).await.expect("a close");
            match next {
                Some(Ok(Message::Close(Some(frame)))) => return (frame.code.into(), frame.reason.to_string()),
                Some(Ok(_)) => {}
                Some(Err(Error::ConnectionClosed)) | None => panic!("closed without a reason"),
                other => panic!("instead of a close: {other:?}"),
            }
        }
    }
}

/// Returns the sequence number of a message.
pub fn seq(message: &Value) -> u64 {
    message["seq"].as_u64().unwrap()
}
