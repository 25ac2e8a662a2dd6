//! What the document says about one method of one path.

use serde_json::{Map, Value, json};

/// One method of one path.
#[derive(Debug)]
pub struct Operation {
    /// Unique name.
    pub id: &'static str,
    /// Group.
    pub tag: &'static str,
    /// One line.
    pub summary: &'static str,
    /// Variables in path, query and headers.
    pub parameters: &'static [Parameter],
    /// Schema of the JSON body it needs.
    pub body: Option<&'static str>,
    /// What it answers, apart from what every operation does.
    pub answers: &'static [Answer],
}

/// A variable of a request.
#[derive(Debug)]
pub struct Parameter {
    /// As it stands in the request.
    pub name: &'static str,
    /// `path`, `query` or `header`.
    pub place: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Kind of value.
    pub kind: Kind,
    /// One line.
    pub what: &'static str,
}

/// Kind of value of a [`Parameter`].
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Any text.
    Text,
    /// A signed 64-bit number.
    Long,
    /// `true` or `false`, and their other spellings.
    Switch,
}

/// One answer.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// One line.
    pub what: &'static str,
    /// Body.
    pub content: Content,
}

/// Body of an [`Answer`].
#[derive(Debug, Clone, Copy)]
pub enum Content {
    /// Nothing.
    Empty,
    /// Bare text.
    Text,
    /// JSON of this schema.
    Json(&'static str),
}

/// Answer of every operation behind the password.
const GUARDED: &[Answer] = &[
    Answer::empty(401, "The password is missing."),
    Answer::empty(403, "The password is wrong."),
    Answer::error(406, "The client takes no JSON."),
];
/// Answers of every operation with a body.
const WITH_BODY: &[Answer] = &[
    Answer::error(400, "The request is not understood."),
    Answer::error(408, "The body did not arrive in time."),
    Answer::error(413, "The body is too large."),
    Answer::error(415, "The body is not JSON."),
];

impl Answer {
    /// An answer without a body.
    pub const fn empty(status: u16, what: &'static str) -> Self {
        let content = Content::Empty;
        Self {
            status,
            what,
            content,
        }
    }

    /// An answer in JSON.
    pub const fn json(status: u16, what: &'static str, schema: &'static str) -> Self {
        let content = Content::Json(schema);
        Self {
            status,
            what,
            content,
        }
    }

    /// An error.
    pub const fn error(status: u16, what: &'static str) -> Self {
        Self::json(status, what, "Error")
    }

    fn to_json(&self) -> Value {
        let mut answer = json!({"description": self.what});
        match self.content {
            Content::Empty => {}
            Content::Text => answer["content"] = json!({"text/plain": {"schema": {"type": "string"}}}),
            Content::Json(schema) => answer["content"] = content(schema),
        }
        answer
    }
}

impl Parameter {
    fn to_json(&self) -> Value {
        let schema = match self.kind {
            Kind::Text => json!({"type": "string"}),
            Kind::Long => json!({"type": "integer", "format": "int64"}),
            Kind::Switch => json!({"type": "boolean"}),
        };
        json!({
            "name": self.name, "in": self.place, "required": self.required, "description": self.what,
            "schema": schema,
        })
    }
}

impl Operation {
    /// The operation object; `is_guarded` tells whether the password is checked before it.
    pub fn to_json(&self, is_guarded: bool) -> Value {
        let mut answers = Map::new();
        let guarded = if is_guarded { GUARDED } else { &[] };
        let with_body = if self.body.is_some() { WITH_BODY } else { &[] };
        // An answer of its own says more than the common one.
        for answer in self.answers.iter().chain(with_body).chain(guarded) {
            answers
                .entry(answer.status.to_string())
                .or_insert_with(|| answer.to_json());
        }
        let mut operation = json!({
            "operationId": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "parameters": self.parameters.iter().map(Parameter::to_json).collect::<Vec<_>>(),
            "responses": answers,
        });
        if let Some(schema) = self.body {
            operation["requestBody"] = json!({"required": true, "content": content(schema)});
        }
        operation
    }
}

/// The answers of every operation behind the password, for one that has no [`Operation`].
pub(super) fn guarded_answers() -> Map<String, Value> {
    let answers = GUARDED.iter();
    answers
        .map(|answer| (answer.status.to_string(), answer.to_json()))
        .collect()
}

fn content(schema: &str) -> Value {
    json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}})
}
