//! Statements, directives and scopes.

use super::lex::{Placed, Token, lex};
use super::syntax::Syntax;
use super::{Entry, Item, Location, Operand, Param, Scope, Statement, TextError, Variable, error};

/// Scopes inside scopes: a limit, so that no text overflows the stack.
const MAX_DEPTH: u32 = 64;

pub(super) struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    depth: u32,
}

/// Reads a module.
pub(crate) fn parse(text: &str) -> Result<Syntax, TextError> {
    let mut parser = Parser { tokens: lex(text)?, next: 0, depth: 0 };
    parser.module()
}

/// A token as an error names it.
pub(super) fn show(token: &Token) -> String {
    match token {
        Token::Word(w) | Token::Dotted(w) => w.clone(),
        Token::Int(v) => v.to_string(),
        Token::F32(bits) => format!("0f{bits:08X}"),
        Token::F64(bits) => format!("0d{bits:016X}"),
        Token::Decimal(d) => d.clone(),
        Token::Text(t) => format!("{t:?}"),
        Token::Punct(p) => (*p).to_string(),
        Token::End => "the end of the text".to_string(),
    }
}

impl Parser {
    pub(super) fn peek(&self) -> &Token {
        &self.tokens[self.next].token
    }

    pub(super) fn at(&self) -> &Location {
        &self.tokens[self.next].at
    }

    pub(super) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        // The last token is the end, again and again.
        self.next = (self.next + 1).min(self.tokens.len() - 1);
        token
    }

    fn eat(&mut self, punct: &str) -> bool {
        let found = matches!(self.peek(), Token::Punct(p) if *p == punct);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, punct: &str) -> Result<(), TextError> {
        match self.eat(punct) {
            true => Ok(()),
            false => error(self.at(), format!("{} where {punct} is needed", show(self.peek()))),
        }
    }

    fn word(&mut self, what: &str) -> Result<String, TextError> {
        match self.peek().clone() {
            Token::Word(word) => {
                self.next();
                Ok(word)
            }
            other => error(self.at(), format!("{} where {what} is needed", show(&other))),
        }
    }

    fn dotted(&mut self, what: &str) -> Result<String, TextError> {
        match self.peek().clone() {
            Token::Dotted(word) => {
                self.next();
                Ok(word)
            }
            other => error(self.at(), format!("{} where {what} is needed", show(&other))),
        }
    }

    /// A constant of 32 bits.
    fn number(&mut self, what: &str) -> Result<u32, TextError> {
        let at = self.at().clone();
        let value = self.expression(0)?;
        match (value.name, u32::try_from(value.constant)) {
            (None, Ok(value)) => Ok(value),
            _ => error(&at, format!("{what} has to be a constant below 2^32")),
        }
    }

    fn module(&mut self) -> Result<Syntax, TextError> {
        let mut syntax = Syntax::default();
        loop {
            let at = self.at().clone();
            match self.next() {
                Token::End => return Ok(syntax),
                Token::Dotted(d) => match d.as_str() {
                    ".version" => match self.next() {
                        Token::Decimal(_) => {}
                        other => {
                            return error(&at, format!("version {}; 8.0 is one", show(&other)));
                        }
                    },
                    ".target" => {
                        let target = self.word("a target")?;
                        if target != "sm_90a" && target != "sm_90" {
                            return error(&at, format!("target {target}; sm_90a is run here"));
                        }
                    }
                    ".address_size" => {
                        if self.number("the address size")? != 64 {
                            return error(&at, "addresses have 64 bits here");
                        }
                    }
                    ".visible" | ".extern" => {}
                    ".entry" => syntax.entries.push(self.entry(at)?),
                    ".shared" => syntax.variables.push(self.variable()?),
                    other => {
                        return error(
                            &at,
                            format!(
                                "directive {other} is not known at this level; .version, .target, .address_size, .extern, .shared, .visible and .entry are"
                            ),
                        );
                    }
                },
                other => {
                    return error(&at, format!("{} where a directive is needed", show(&other)));
                }
            }
        }
    }

    fn entry(&mut self, at: Location) -> Result<Entry, TextError> {
        let name = self.word("the entry's name")?;
        let mut entry = Entry {
            name,
            params: Vec::new(),
            required_threads: None,
            max_threads: None,
            max_registers: None,
            cluster: None,
            body: Scope::default(),
            at,
        };
        if self.eat("(") && !self.eat(")") {
            loop {
                entry.params.push(self.param()?);
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(")")?;
        }
        loop {
            let at = self.at().clone();
            match self.peek().clone() {
                Token::Punct("{") => {
                    self.next();
                    entry.body = self.scope()?;
                    return Ok(entry);
                }
                Token::Dotted(directive) => {
                    self.next();
                    match directive.as_str() {
                        ".reqntid" => entry.required_threads = Some(self.three(&directive)?),
                        ".maxntid" => {
                            let n = self.three(&directive)?;
                            entry.max_threads = n.iter().try_fold(1u32, |a, b| a.checked_mul(*b));
                        }
                        ".minnctapersm" | ".maxclusterrank" => {
                            self.number(&directive)?;
                        }
                        ".maxnreg" => entry.max_registers = Some(self.number(&directive)?),
                        ".explicitcluster" => {}
                        ".reqnctapercluster" => entry.cluster = Some(self.three(&directive)?),
                        other => {
                            return error(
                                &at,
                                format!(
                                    "directive {other} is not known here; .reqntid, .maxntid, .minnctapersm, .maxnreg, .explicitcluster, .reqnctapercluster and .maxclusterrank are"
                                ),
                            );
                        }
                    }
                }
                other => {
                    return error(&at, format!("{} where {{ is needed", show(&other)));
                }
            }
        }
    }

    fn three(&mut self, what: &str) -> Result<[u32; 3], TextError> {
        let mut n = [1; 3];
        n[0] = self.number(what)?;
        for n in &mut n[1..] {
            if !self.eat(",") {
                break;
            }
            *n = self.number(what)?;
        }
        Ok(n)
    }

    fn param(&mut self) -> Result<Param, TextError> {
        let at = self.at().clone();
        if self.dotted(".param")? != ".param" {
            return error(&at, "parameters begin with .param");
        }
        let (align, size) = self.alignment_and_type()?;
        let name = self.word("the parameter's name")?;
        let bytes = match self.eat("[") {
            false => Some(size),
            true => {
                let n = self.number("the parameter's length")?;
                self.expect("]")?;
                n.checked_mul(size)
            }
        };
        match bytes {
            Some(bytes) if bytes > 0 && bytes <= 4096 => Ok(Param { name, align, bytes }),
            _ => error(&at, "a parameter has 1 to 4096 bytes"),
        }
    }

    /// `.align N .TYPE`: alignment and size in bytes.
    fn alignment_and_type(&mut self) -> Result<(u32, u32), TextError> {
        let at = self.at().clone();
        let mut align = None;
        let mut word = self.dotted("a type")?;
        if word == ".align" {
            let n = self.number("the alignment")?;
            if !n.is_power_of_two() {
                return error(&at, format!("an alignment of {n}; powers of two are allowed"));
            }
            align = Some(n);
            word = self.dotted("a type")?;
        }
        let bits = type_bits(&word).filter(|b| *b >= 8);
        let Some(bits) = bits else {
            return error(&at, format!("type {word} is not known in memory"));
        };
        Ok((align.unwrap_or(bits / 8), bits / 8))
    }

    fn variable(&mut self) -> Result<Variable, TextError> {
        let at = self.at().clone();
        let (align, size) = self.alignment_and_type()?;
        let name = self.word("the variable's name")?;
        let bytes = if self.eat("[") {
            if self.eat("]") {
                None
            } else {
                let n = self.number("the length")?;
                self.expect("]")?;
                match n.checked_mul(size) {
                    Some(bytes) => Some(bytes),
                    None => return error(&at, "a variable has fewer than 2^32 bytes"),
                }
            }
        } else {
            Some(size)
        };
        self.expect(";")?;
        Ok(Variable { name, align, bytes, at })
    }

    /// What follows an opening brace, up to the closing one.
    fn scope(&mut self) -> Result<Scope, TextError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return error(self.at(), format!("more than {MAX_DEPTH} scopes in each other"));
        }
        let mut scope = Scope::default();
        loop {
            let at = self.at().clone();
            match self.peek().clone() {
                Token::Punct("}") => {
                    self.next();
                    self.depth -= 1;
                    return Ok(scope);
                }
                Token::Punct("{") => {
                    self.next();
                    scope.items.push(Item::Scope(self.scope()?));
                }
                Token::Punct(";") => {
                    self.next();
                }
                Token::Dotted(directive) => {
                    self.next();
                    match directive.as_str() {
                        ".reg" => scope.items.push(self.registers(at)?),
                        ".shared" => scope.items.push(Item::Shared(self.variable()?)),
                        ".pragma" => {
                            self.next();
                            self.expect(";")?;
                        }
                        other => {
                            return error(
                                &at,
                                format!(
                                    "directive {other} is not known in a body; .reg, .shared and .pragma are"
                                ),
                            );
                        }
                    }
                }
                Token::Word(name) if self.tokens[self.next + 1].token == Token::Punct(":") => {
                    self.next();
                    self.next();
                    scope.items.push(Item::Label(name, at));
                }
                Token::Word(_) | Token::Punct("@") => {
                    scope.items.push(Item::Statement(self.statement()?));
                }
                other => {
                    return error(&at, format!("{} where a statement is needed", show(&other)));
                }
            }
        }
    }

    fn registers(&mut self, at: Location) -> Result<Item, TextError> {
        let word = self.dotted("a type")?;
        let Some(bits) = type_bits(&word).filter(|b| *b != 8) else {
            return error(&at, format!("registers of type {word} are not known"));
        };
        let mut names = Vec::new();
        loop {
            let name = self.word("a register's name")?;
            let count = match self.eat("<") {
                true => {
                    // Above a shift, so that `>` ends it.
                    let Token::Int(n) = self.next() else {
                        return error(&at, "the number of registers has to be a constant");
                    };
                    self.expect(">")?;
                    match u32::try_from(n) {
                        Ok(n) if n <= 1 << 14 => Some(n),
                        _ => return error(&at, format!("{n} registers; 16384 are allowed")),
                    }
                }
                false => None,
            };
            names.push((name, count));
            if !self.eat(",") {
                break;
            }
        }
        self.expect(";")?;
        Ok(Item::Registers { bits, names, at })
    }

    fn statement(&mut self) -> Result<Statement, TextError> {
        let mut guard = None;
        if self.eat("@") {
            let negated = self.eat("!");
            guard = Some((self.word("a predicate")?, negated));
        }
        let at = self.at().clone();
        let mut opcode = self.word("an instruction")?;
        // ptxas takes a blank before a dot, which macros leave behind.
        while let Token::Dotted(more) = self.peek() {
            opcode.push_str(more);
            self.next();
        }
        let mut operands = Vec::new();
        if !self.eat(";") {
            loop {
                operands.push(self.operand()?);
                if !self.eat(",") {
                    break;
                }
            }
            self.expect(";")?;
        }
        Ok(Statement { guard, opcode, operands, at })
    }

    fn operand(&mut self) -> Result<Operand, TextError> {
        let first = self.simple()?;
        match self.eat("|") {
            true => Ok(Operand::Pair(Box::new(first), Box::new(self.simple()?))),
            false => Ok(first),
        }
    }

    fn simple(&mut self) -> Result<Operand, TextError> {
        match self.peek().clone() {
            Token::Punct("!") => {
                self.next();
                Ok(Operand::Not(self.word("a predicate")?))
            }
            Token::Punct("{") => {
                self.next();
                self.vector()
            }
            Token::Punct("[") => {
                self.next();
                let value = self.expression(0)?;
                let mut coordinates = Vec::new();
                if self.eat(",") {
                    self.expect("{")?;
                    if let Operand::Vector(v) = self.vector()? {
                        coordinates = v;
                    }
                }
                self.expect("]")?;
                Ok(Operand::Memory { base: value.name, offset: value.constant, coordinates })
            }
            Token::Word(w) if w == "_" => {
                self.next();
                Ok(Operand::Sink)
            }
            Token::F32(bits) => {
                self.next();
                Ok(Operand::F32(bits))
            }
            Token::F64(bits) => {
                self.next();
                Ok(Operand::F64(bits))
            }
            _ => {
                let value = self.expression(0)?;
                Ok(match value.name {
                    None => Operand::Int(value.constant),
                    Some(name) if value.constant == 0 => Operand::Name(name),
                    Some(name) => Operand::Offset(name, value.constant),
                })
            }
        }
    }

    /// What follows an opening brace in an operand.
    fn vector(&mut self) -> Result<Operand, TextError> {
        let mut elements = Vec::new();
        loop {
            elements.push(self.simple()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(Operand::Vector(elements))
    }
}

/// Width of a register or element type; 1 for predicates.
fn type_bits(word: &str) -> Option<u32> {
    Some(match word {
        ".pred" => 1,
        ".b8" | ".u8" | ".s8" => 8,
        ".b16" | ".u16" | ".s16" | ".f16" | ".bf16" => 16,
        ".b32" | ".u32" | ".s32" | ".f32" | ".f16x2" | ".bf16x2" => 32,
        ".b64" | ".u64" | ".s64" | ".f64" => 64,
        _ => return None,
    })
}
