//! Tokens, with the template's lines by GNU line markers.

use std::sync::Arc;

use super::{Location, TextError, error};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, a register, or an opcode with all its modifiers.
    Word(String),
    /// A directive or a type, with its dot.
    Dotted(String),
    Int(i128),
    /// `8.0`: a version. (Floats are written as bits, `0f` and `0d`.)
    Decimal(String),
    /// Bits of an `0f` literal.
    F32(u32),
    /// Bits of an `0d` literal.
    F64(u64),
    Text(String),
    Punct(&'static str),
    End,
}

/// A token, and where it begins.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: Location,
}

const PUNCT: [&str; 24] = [
    "<<", ">>", "::", "{", "}", "(", ")", "[", "]", "<", ">", ",", ";", ":", "+", "-", "*", "/",
    "%", "!", "|", "&", "^", "~",
];
/// Punctuation that is one character and only in few places.
const RARE: [&str; 2] = ["=", "@"];

struct Lexer<'a> {
    rest: &'a str,
    at: Location,
}

/// All tokens of a text, the last of which is [`Token::End`].
pub(super) fn lex(text: &str) -> Result<Vec<Placed>, TextError> {
    let at = Location { file: Arc::from("<text>"), line: 1, column: 1 };
    let mut lexer = Lexer { rest: text, at };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let at = lexer.at.clone();
        let token = lexer.token()?;
        let end = token == Token::End;
        tokens.push(Placed { token, at });
        if end {
            return Ok(tokens);
        }
    }
}

fn starts_word(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, '_' | '$')
}

fn continues_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$')
}

impl<'a> Lexer<'a> {
    /// Takes so many bytes, none of them a line's end.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        self.at.column += taken.chars().count() as u32;
        taken
    }

    fn newline(&mut self) {
        self.rest = &self.rest[1..];
        self.at.line += 1;
        self.at.column = 1;
    }

    fn skip_blanks(&mut self) -> Result<(), TextError> {
        loop {
            match self.rest.chars().next() {
                Some('\n') => self.newline(),
                Some(c) if c.is_whitespace() => {
                    self.take(c.len_utf8());
                }
                Some('#') if self.at.column == 1 => self.marker()?,
                Some('/') if self.rest.starts_with("//") => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.take(end);
                }
                Some('/') if self.rest.starts_with("/*") => {
                    let Some(end) = self.rest.find("*/") else {
                        return error(&self.at, "a comment without an end");
                    };
                    let mut left = end + 2;
                    while left > 0 {
                        let line = self.rest[..left].find('\n');
                        let taken = self.take(line.unwrap_or(left)).len();
                        left -= taken;
                        if line.is_some() {
                            self.newline();
                            left -= 1;
                        }
                    }
                }
                _ => return Ok(()),
            }
        }
    }

    /// `# 12 "file" flags`: the next line is that line of that file.
    fn marker(&mut self) -> Result<(), TextError> {
        let end = self.rest.find('\n').unwrap_or(self.rest.len());
        let marker = &self.rest[..end];
        let mut words = marker[1..].trim_start().splitn(2, ' ');
        let line = words.next().and_then(|n| n.parse().ok());
        let file = words.next().and_then(|f| f.strip_prefix('"')?.split('"').next());
        let (Some(line), Some(file)) = (line, file) else {
            return error(&self.at, "a # that is no line marker; # LINE \"FILE\" is allowed");
        };
        if &*self.at.file != file {
            self.at.file = Arc::from(file);
        }
        self.rest = self.rest[end..].strip_prefix('\n').unwrap_or("");
        self.at.line = line;
        self.at.column = 1;
        Ok(())
    }

    fn token(&mut self) -> Result<Token, TextError> {
        let Some(first) = self.rest.chars().next() else { return Ok(Token::End) };
        let second = self.rest[first.len_utf8()..].chars().next().unwrap_or(' ');
        if starts_word(first) || first == '%' && starts_word(second) {
            let length = self.word_length(1);
            return Ok(Token::Word(self.take(length).into()));
        }
        if first == '.' && starts_word(second) {
            let length = self.word_length(1);
            return Ok(Token::Dotted(self.take(length).into()));
        }
        if first.is_ascii_digit() {
            return self.number();
        }
        if first == '"' {
            let Some(end) = self.rest[1..].find(['"', '\n']) else {
                return error(&self.at, "a string without an end");
            };
            return Ok(Token::Text(self.take(end + 2)[1..=end].into()));
        }
        let known = PUNCT.iter().chain(&RARE).find(|p| self.rest.starts_with(**p));
        match known {
            Some(punct) => {
                self.take(punct.len());
                Ok(Token::Punct(punct))
            }
            None => error(&self.at, format!("the character {first:?} has no meaning here")),
        }
    }

    /// Length of a word whose first `from` bytes are taken for granted: names, joined by
    /// dots and `::`.
    fn word_length(&self, from: usize) -> usize {
        let bytes = self.rest.as_bytes();
        let name_at = |i: usize| bytes.get(i).is_some_and(|&b| continues_word(b.into()));
        let mut i = from;
        loop {
            while name_at(i) {
                i += 1;
            }
            match bytes.get(i) {
                Some(b'.') if name_at(i + 1) => i += 1,
                Some(b':') if bytes.get(i + 1) == Some(&b':') && name_at(i + 2) => i += 2,
                _ => return i,
            }
        }
    }

    fn number(&mut self) -> Result<Token, TextError> {
        let at = self.at.clone();
        let end = self.rest.find(|c| !continues_word(c)).unwrap_or(self.rest.len());
        let text = self.take(end);
        let fraction = |rest: &str| {
            rest.starts_with('.') && rest[1..].starts_with(|c: char| c.is_ascii_digit())
        };
        if fraction(self.rest) {
            let end =
                self.rest[1..].find(|c| !continues_word(c)).map_or(self.rest.len(), |i| i + 1);
            return Ok(Token::Decimal(format!("{text}{}", self.take(end))));
        }
        let refused = || {
            error(
                &at,
                format!(
                    "{text} is no number; 10, 0x1f, 0b1, 017, 0fXXXXXXXX and 0dXXXXXXXXXXXXXXXX are allowed"
                ),
            )
        };
        let digits = |prefix: [&str; 2]| prefix.iter().find_map(|p| text.strip_prefix(p));
        if let Some(hex) = digits(["0f", "0F"]) {
            return match u32::from_str_radix(hex, 16) {
                Ok(bits) if hex.len() == 8 => Ok(Token::F32(bits)),
                _ => refused(),
            };
        }
        if let Some(hex) = digits(["0d", "0D"]) {
            return match u64::from_str_radix(hex, 16) {
                Ok(bits) if hex.len() == 16 => Ok(Token::F64(bits)),
                _ => refused(),
            };
        }
        let plain = text.strip_suffix('U').unwrap_or(text);
        let (radix, plain) = match plain.as_bytes() {
            [b'0', b'x' | b'X', ..] => (16, &plain[2..]),
            [b'0', b'b' | b'B', ..] => (2, &plain[2..]),
            [b'0', _, ..] => (8, &plain[1..]),
            _ => (10, plain),
        };
        match u64::from_str_radix(plain, radix) {
            Ok(value) => Ok(Token::Int(value.into())),
            Err(_) => refused(),
        }
    }
}
