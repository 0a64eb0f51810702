//! From text to statements: what ptxas would read, and where each piece came from.

mod expr;
mod lex;
mod parse;
mod syntax;

pub(crate) use parse::parse;
pub(crate) use syntax::{Entry, Item, Operand, Param, Scope, Statement, Variable};

use std::fmt;
use std::sync::Arc;

/// A place in a source: the template's, where the text has line markers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Location {
    /// The file of the last marker (`# 12 "ptx/quantize.ptx"`), or `<text>`.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1. Within the expansion, where a macro was expanded.
    pub column: u32,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Text that is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextError {
    /// Where.
    pub at: Location,
    /// What was found, and what is allowed.
    pub message: String,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.message)
    }
}

impl std::error::Error for TextError {}

/// An error at a place.
pub(crate) fn error<T>(at: &Location, message: impl Into<String>) -> Result<T, TextError> {
    Err(TextError { at: at.clone(), message: message.into() })
}
