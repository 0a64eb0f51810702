//! Constant expressions, as ptxas evaluates them.

use super::lex::Token;
use super::parse::Parser;
use super::{TextError, error};

/// A constant, and perhaps a name it is added to.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) name: Option<String>,
    pub(super) constant: i128,
}

/// How tight an operator binds; 0 for what is none.
fn tightness(punct: &str) -> u8 {
    match punct {
        "|" => 1,
        "^" => 2,
        "&" => 3,
        "<<" | ">>" => 4,
        "+" | "-" => 5,
        "*" | "/" | "%" => 6,
        _ => 0,
    }
}

impl Parser {
    /// An expression with operators that bind tighter than `above`.
    pub(super) fn expression(&mut self, above: u8) -> Result<Value, TextError> {
        let mut left = self.primary()?;
        loop {
            let op = match self.peek() {
                Token::Punct(op) if tightness(op) > above => *op,
                // `%r+-8`, and `a %b` would be a register.
                _ => return Ok(left),
            };
            // `p|q` is a pair of registers.
            if op == "|" && left.name.is_some() {
                return Ok(left);
            }
            let at = self.at().clone();
            self.next();
            let right = self.expression(tightness(op))?;
            let (a, b) = (left.constant, right.constant);
            let named = left.name.is_some() || right.name.is_some();
            if named && !(op == "+" || op == "-" && right.name.is_none())
                || left.name.is_some() && right.name.is_some()
            {
                return error(&at, format!("a name cannot be combined by {op} here"));
            }
            let shift = |b: i128| u32::try_from(b).ok().filter(|b| *b < 64);
            let constant = match op {
                "|" => Some(a | b),
                "^" => Some(a ^ b),
                "&" => Some(a & b),
                "<<" => shift(b).map(|b| a << b),
                ">>" => shift(b).map(|b| a >> b),
                "+" => a.checked_add(b),
                "-" => a.checked_sub(b),
                "*" => a.checked_mul(b),
                "/" => a.checked_div(b),
                _ => a.checked_rem(b),
            };
            match constant {
                Some(constant) if constant.unsigned_abs() >> 100 == 0 => {
                    left = Value { name: left.name.or(right.name), constant };
                }
                _ => return error(&at, "a constant expression without a value"),
            }
        }
    }

    fn primary(&mut self) -> Result<Value, TextError> {
        let at = self.at().clone();
        let constant = |constant| Ok(Value { name: None, constant });
        match self.next() {
            Token::Int(value) => constant(value),
            Token::Word(name) if name == "WARP_SZ" => constant(32),
            Token::Word(name) => Ok(Value { name: Some(name), constant: 0 }),
            Token::Punct("-") => self.unary(|v| -v),
            Token::Punct("~") => self.unary(|v| !v),
            Token::Punct("+") => self.primary(),
            Token::Punct("(") => {
                let value = self.expression(0)?;
                self.expect(")")?;
                Ok(value)
            }
            other => error(&at, format!("{} where a value is needed", super::parse::show(&other))),
        }
    }

    fn unary(&mut self, f: impl Fn(i128) -> i128) -> Result<Value, TextError> {
        let at = self.at().clone();
        let value = self.primary()?;
        match value.name {
            None => Ok(Value { name: None, constant: f(value.constant) }),
            Some(name) => error(&at, format!("{name} is no constant")),
        }
    }
}
