//! What the types of a handler tell: the body it takes, the answers it gives, and who may call.

use std::collections::BTreeSet;

use http::StatusCode;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::http::problem::Problem;

/// Adds to a shape what a handler has.
pub type Describe = fn(&mut Shape<'_>);

/// The body, the answers and the caller of one operation.
#[derive(Debug)]
pub struct Shape<'a> {
    schemas: &'a mut Schemas,
    pub(super) guard: Guard,
    /// What a call costs, if it costs a place.
    pub(super) cost: Option<String>,
    /// The media types of the body, and its schema.
    pub(super) body: Option<(&'static [&'static str], Value)>,
    pub(super) answers: Vec<Answer>,
    pub(super) problems: Vec<&'static str>,
}

/// Who may call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Guard {
    /// Anyone.
    #[default]
    Nobody,
    /// Who has an admin or viewer token.
    ReaderToken,
    /// Who has an admin token.
    AdminToken,
    /// Who has a write key.
    WriteKey,
    /// Who has a secret key.
    SecretKey,
}

/// An answer that is no problem.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) meaning: &'static str,
    /// The media type, and the schema. Without them, the answer has no body.
    pub(super) content: Option<(&'static str, Value)>,
    /// Whether it may lack what a database has that is down.
    pub(super) may_lack: bool,
}

/// The schemas of a document.
#[derive(Debug)]
pub(super) struct Schemas {
    /// Of what the server reads.
    read: SchemaGenerator,
    /// Of what it writes, where a member without a value can still be required.
    written: SchemaGenerator,
    /// The names of those that say what they lack.
    in_part: BTreeSet<String>,
}

impl Default for Schemas {
    fn default() -> Self {
        let of = |contract| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.contract = contract;
            settings.into_generator()
        };
        let in_part = BTreeSet::new();
        Self { read: of(Contract::Deserialize), written: of(Contract::Serialize), in_part }
    }
}

impl Schemas {
    /// All schemas that have a name.
    pub(super) fn named(mut self) -> Map<String, Value> {
        let mut named = self.read.take_definitions(true);
        named.extend(self.written.take_definitions(true));
        let (mut left, mut seen): (Vec<_>, _) =
            (self.in_part.into_iter().collect(), BTreeSet::new());
        while let Some(name) = left.pop() {
            if let Some(schema) = named.get_mut(&name)
                && seen.insert(name)
            {
                left.extend(add_partial(schema));
            }
        }
        named
    }

    /// The same of an answer that says what it lacks.
    fn written_in_part<T: JsonSchema>(&mut self) -> Value {
        let mut schema = self.written::<T>();
        match schema["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
            Some(name) => drop(self.in_part.insert(name.to_owned())),
            None => self.in_part.extend(add_partial(&mut schema)),
        }
        schema
    }

    /// The schema of something that the server writes.
    pub(super) fn written<T: JsonSchema>(&mut self) -> Value {
        self.written.subschema_for::<T>().to_value()
    }
}

/// Adds the member that says what an answer lacks. Returns the names of schemas that are forms of
/// this one, and must have it, too.
fn add_partial(schema: &mut Value) -> Vec<String> {
    if let Some(members) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        let partial = json!({
            "description": "The numbers of the databases that did not answer, if the server has several. \
                            What they have is missing in this answer",
            "type": "array",
            "items": {"type": "integer", "minimum": 1, "maximum": u16::MAX},
        });
        members.insert("partial".to_owned(), partial);
    }
    let mut names = Vec::new();
    for form in ["anyOf", "oneOf"] {
        let forms = schema.get_mut(form).and_then(Value::as_array_mut);
        for form in forms.into_iter().flatten() {
            match form["$ref"].as_str().and_then(|name| name.rsplit('/').next()) {
                Some(name) => names.push(name.to_owned()),
                None => names.extend(add_partial(form)),
            }
        }
    }
    names
}

impl<'a> Shape<'a> {
    pub(super) fn new(schemas: &'a mut Schemas) -> Self {
        Self {
            schemas,
            guard: Guard::default(),
            cost: None,
            body: None,
            answers: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Says who may call.
    pub fn guard(&mut self, guard: Guard) {
        self.guard = guard;
    }

    /// Says which places a call takes.
    pub fn cost(&mut self, class: &impl std::fmt::Debug) {
        self.cost = Some(format!("{class:?}").to_lowercase());
    }

    /// Adds problems by their codes.
    pub fn problems(&mut self, codes: &[&'static str]) {
        self.problems.extend(codes);
    }

    /// The body is a `T` in JSON.
    pub fn body<T: RequestBody>(&mut self) {
        self.body_like::<T>();
        self.problems.push(T::CODE);
    }

    /// The body is read as a `T` in JSON, by code that no type of this module knows.
    pub fn body_like<T: JsonSchema>(&mut self) {
        let schema = self.schemas.read.subschema_for::<T>().to_value();
        self.body = Some((&["application/json"], schema));
    }

    /// Answers a `T` in JSON.
    pub fn answer<T: JsonSchema>(&mut self, status: StatusCode, meaning: &'static str) {
        let schema = self.schemas.written::<T>();
        let content = Some(("application/json", schema));
        self.answers.push(Answer { status, meaning, content, may_lack: false });
    }

    /// Answers a `T` in JSON, which says what it lacks where a database is down.
    pub fn answer_in_part<T: JsonSchema>(&mut self, status: StatusCode, meaning: &'static str) {
        let content = Some(("application/json", self.schemas.written_in_part::<T>()));
        self.answers.push(Answer { status, meaning, content, may_lack: true });
    }

    /// Answers an `A` or a `B` in JSON.
    pub fn answer_either<A: JsonSchema, B: JsonSchema>(&mut self, meaning: &'static str) {
        let schema = json!({"anyOf": [self.schemas.written_in_part::<A>(), self.schemas.written_in_part::<B>()]});
        let content = Some(("application/json", schema));
        self.answers.push(Answer { status: StatusCode::OK, meaning, content, may_lack: true });
    }

    /// Answers text of this media type.
    pub fn answer_text(&mut self, media: &'static str, meaning: &'static str) {
        let content = Some((media, json!({"type": "string"})));
        self.answers.push(Answer { status: StatusCode::OK, meaning, content, may_lack: false });
    }

    /// Answers without a body.
    pub fn answer_empty(&mut self, status: StatusCode, meaning: &'static str) {
        self.answers.push(Answer { status, meaning, content: None, may_lack: false });
    }
}

/// What a handler returns, so that its answers can be described.
pub trait Answered {
    /// Adds the answers.
    fn describe(shape: &mut Shape<'_>);
}

impl<T: Answered> Answered for Result<T, Problem> {
    fn describe(shape: &mut Shape<'_>) {
        T::describe(shape);
    }
}

/// A JSON object that a handler takes as its body.
pub trait RequestBody: DeserializeOwned + JsonSchema {
    /// The code of the problem when the body is no such object.
    const CODE: &'static str = "body_invalid";
    /// What the body should have been, for the text of that problem.
    const EXPECTED: &'static str = "the JSON object that this call expects";
}
