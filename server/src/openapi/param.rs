//! A parameter of a request: in its path, its query or its headers.

use serde_json::{Value, json};

/// A parameter.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it means, as Markdown.
    pub meaning: &'static str,
    /// Which values it can have.
    pub form: Form,
    /// Whether a request needs it.
    pub is_required: bool,
    /// What counts if it is missing.
    pub default: Option<&'static str>,
    /// A value for examples.
    pub example: Option<&'static str>,
}

/// Which values a parameter can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// Text that matches a regular expression.
    Pattern(&'static str),
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A whole number in this range.
    Number(u64, u64),
    /// `true` or `false`.
    Flag,
    /// Milliseconds since 1970, RFC 3339 text, or a day.
    Time,
    /// A UUID.
    Uuid,
    /// All parameters whose names begin with this text. The name of the parameter itself is not
    /// sent.
    Prefixed {
        /// How the names begin.
        prefix: &'static str,
        /// How many a request may have.
        count_max: usize,
    },
}

impl Param {
    /// A parameter that may be left out.
    pub const fn new(name: &'static str, form: Form, meaning: &'static str) -> Self {
        Self { name, meaning, form, is_required: false, default: None, example: None }
    }

    /// A request needs it.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { is_required: true, ..self }
    }

    /// What counts if it is missing.
    #[must_use]
    pub const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    /// Adds a value for examples.
    #[must_use]
    pub const fn example(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    /// How requests write its name.
    pub fn written(&self) -> String {
        match self.form {
            Form::Prefixed { prefix, .. } => format!("{prefix}<path>"),
            _ => self.name.to_owned(),
        }
    }

    /// The parameter in a document. `place` is `path`, `query` or `header`.
    pub(super) fn json(&self, place: &str) -> Value {
        let mut schema = self.schema();
        if let Some(default) = self.default {
            schema["default"] = self.value(default);
        }
        let mut json = json!({
            "name": self.name,
            "in": place,
            "description": self.meaning,
            "required": self.is_required,
            "schema": schema,
        });
        if let Form::Prefixed { .. } = self.form {
            json["style"] = "form".into();
            json["explode"] = true.into();
        }
        if let Some(example) = self.example {
            json["example"] = self.value(example);
        }
        json
    }

    /// A value, in JSON as its schema has it.
    fn value(&self, text: &str) -> Value {
        match self.form {
            Form::Number(..) | Form::Flag => serde_json::from_str(text).unwrap_or_default(),
            Form::Time => serde_json::from_str(text).unwrap_or_else(|_| text.into()),
            Form::Prefixed { .. } => {
                let (name, value) = text.split_once('=').unwrap_or((text, ""));
                json!({ name: value })
            }
            _ => text.into(),
        }
    }

    fn schema(&self) -> Value {
        match self.form {
            Form::Text => json!({"type": "string"}),
            Form::Pattern(pattern) => json!({"type": "string", "pattern": pattern}),
            Form::OneOf(values) => json!({"type": "string", "enum": values}),
            Form::Number(min, max) => {
                json!({"type": "integer", "format": "uint64", "minimum": min, "maximum": max})
            }
            Form::Flag => json!({"type": "boolean"}),
            Form::Time => json!({"anyOf": [
                {"type": "integer", "format": "int64"},
                {"type": "string", "format": "date-time"},
                {"type": "string", "format": "date"},
            ]}),
            Form::Uuid => json!({"type": "string", "format": "uuid"}),
            Form::Prefixed { prefix, count_max } => json!({
                "type": "object",
                "patternProperties": {format!("^{}.", prefix.replace('.', "\\.")): {"type": "string"}},
                "additionalProperties": false,
                "maxProperties": count_max,
            }),
        }
    }
}
