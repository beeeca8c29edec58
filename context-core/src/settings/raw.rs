//! Values as files hold them, before anybody knows which settings they are for.

use super::kind::Shape;

/// A value in the form in which settings are read, and what it was in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) text: String,
    pub(super) form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    /// A number, or true and false.
    Scalar,
    List,
    Table,
    /// A date, or a list or table of what is no plain value.
    Other,
}

impl Raw {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), form: Form::Text }
    }

    /// True if a setting of this shape may be held so.
    pub(super) const fn fits(&self, shape: Shape) -> bool {
        match self.form {
            Form::Text => true,
            Form::Scalar => matches!(shape, Shape::Scalar | Shape::List),
            Form::List => matches!(shape, Shape::List),
            Form::Table => matches!(shape, Shape::Table),
            Form::Other => false,
        }
    }
}
