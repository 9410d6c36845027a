//! Cards, built in a line.

use super::{Button, Card, Choice, Fact, Form, Input, InputKind, Item, State, Style, Tone, Value};

impl Card {
    /// A card with a title and nothing else.
    pub fn titled(title: impl Into<String>) -> Card {
        Card { title: Some(title.into()), ..Card::default() }
    }

    /// Says more, as Markdown.
    #[must_use]
    pub fn text(self, text: impl Into<String>) -> Card {
        Card { text: Some(text.into()), ..self }
    }

    /// Shows a picture.
    #[must_use]
    pub fn image(self, url: impl Into<String>) -> Card {
        Card { image: Some(url.into()), ..self }
    }

    /// Lets the title lead somewhere.
    #[must_use]
    pub fn url(self, url: impl Into<String>) -> Card {
        Card { url: Some(url.into()), ..self }
    }

    /// Says how serious it is.
    #[must_use]
    pub fn tone(self, tone: Tone) -> Card {
        Card { tone: Some(tone), ..self }
    }

    /// Adds a fact, which stands beside another one if that is short too.
    #[must_use]
    pub fn fact(mut self, label: impl Into<String>, value: impl Into<String>, short: bool) -> Card {
        self.fields.push(Fact { label: label.into(), value: value.into(), short });
        self
    }

    /// Adds one of several things.
    #[must_use]
    pub fn item(mut self, item: Item) -> Card {
        self.items.push(item);
        self
    }

    /// Adds a button.
    #[must_use]
    pub fn button(mut self, button: Button) -> Card {
        self.buttons.push(button);
        self
    }

    /// Asks something; the button sends it.
    #[must_use]
    pub fn form(self, inputs: Vec<Input>, submit: Button) -> Card {
        Card { form: Some(Form { inputs, submit }), ..self }
    }

    /// Says how far it is, and what there is to say about that.
    #[must_use]
    pub fn state(self, state: State, note: impl Into<String>) -> Card {
        Card { state, note: Some(note.into()), ..self }
    }
}

impl Button {
    /// A button that tells the card's owner `act`.
    pub fn act(label: impl Into<String>, act: impl Into<String>) -> Button {
        Button { label: label.into(), act: Some(act.into()), ..Button::default() }
    }

    /// A button that leads somewhere.
    pub fn link(label: impl Into<String>, url: impl Into<String>) -> Button {
        Button { label: label.into(), url: Some(url.into()), ..Button::default() }
    }

    /// Looks otherwise.
    #[must_use]
    pub fn style(self, style: Style) -> Button {
        Button { style: Some(style), ..self }
    }

    /// Asks before it does something.
    #[must_use]
    pub fn confirm(self, question: impl Into<String>) -> Button {
        Button { confirm: Some(question.into()), ..self }
    }
}

impl Input {
    /// A question that may be left open.
    pub fn new(kind: InputKind, id: impl Into<String>, label: impl Into<String>) -> Input {
        let (id, label, options) = (id.into(), label.into(), Vec::new());
        Input { id, label, kind, required: false, options, max_len: None, value: None }
    }

    /// Must be answered.
    #[must_use]
    pub fn required(self) -> Input {
        Input { required: true, ..self }
    }

    /// Adds something to choose.
    #[must_use]
    pub fn option(mut self, value: impl Into<String>, label: impl Into<String>) -> Input {
        self.options.push(Choice { value: value.into(), label: label.into() });
        self
    }

    /// Stands there at the beginning.
    #[must_use]
    pub fn value(self, value: Value) -> Input {
        Input { value: Some(value), ..self }
    }
}
