//! Answers of many as one list, binary included.

use sansocket_app::{Ack, Args, ArgsRef, Bytes};
use serde_json::{Value, json};

/// The first arguments of answers, in the order of their texts.
#[derive(Default)]
pub(crate) struct Replies {
    values: Vec<Value>,
    attachments: Vec<Bytes>,
}

impl Replies {
    pub(crate) fn of(answers: &[Args]) -> Self {
        let mut answers: Vec<&Args> = answers.iter().collect();
        answers.sort_by_key(|args| args.json());
        let mut replies = Self::default();
        for args in answers {
            let first = serde_json::from_str(args.json())
                .ok()
                .and_then(|args: Vec<Value>| args.into_iter().next());
            let value = replies.numbered(first.unwrap_or_default(), args.attachments());
            replies.values.push(value);
        }
        replies
    }

    /// Acknowledges with a value and the list.
    pub(crate) fn send(self, ack: Ack, before: &Value) {
        let list = Value::from(self.values);
        let _ =
            ack.send(ArgsRef::from_valid(&json!([before, list]).to_string(), &self.attachments));
    }

    /// The value with its placeholders numbered among all attachments.
    fn numbered(&mut self, value: Value, attachments: &[Bytes]) -> Value {
        match value {
            Value::Array(items) => {
                items.into_iter().map(|item| self.numbered(item, attachments)).collect()
            }
            Value::Object(fields) if fields.get("_placeholder") == Some(&Value::Bool(true)) => {
                let number = fields.get("num").and_then(Value::as_u64);
                let taken =
                    number.and_then(|number| attachments.get(usize::try_from(number).ok()?));
                self.attachments.extend(taken.cloned());
                json!({"_placeholder": true, "num": self.attachments.len().saturating_sub(1)})
            }
            Value::Object(fields) => {
                let number = |(key, field)| (key, self.numbered(field, attachments));
                fields.into_iter().map(number).collect()
            }
            other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => other,
        }
    }
}
