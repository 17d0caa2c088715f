//! A response as a test reads it.

use serde_json::Value;

/// A response.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in small letters and values, in the order in which they came.
    pub headers: Vec<(String, String)>,
    /// What follows the head.
    pub body: String,
}

impl Answer {
    /// Reads a whole response.
    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("a head instead of {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_ascii_lowercase(), value.to_owned())
        };
        Self { status, headers: lines.map(header).collect(), body: body.to_owned() }
    }

    /// Returns the one value of a header, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let value = values.next();
        assert_eq!(values.next(), None, "{name} is there twice");
        value
    }

    /// Returns the body; null if it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// Returns the code of an error, whose body has a sentence besides.
    pub fn code(&self) -> String {
        let body = self.json();
        assert_eq!(self.header("content-type"), Some("application/json"), "{}", self.body);
        assert!(body["error"].as_str().is_some_and(|sentence| sentence.contains(' ')), "{}", self.body);
        assert!(body.as_object().unwrap().keys().all(|key| matches!(key.as_str(), "error" | "code" | "details")));
        body["code"].as_str().unwrap().to_owned()
    }
}
