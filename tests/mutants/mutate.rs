//! Changes of one statement.

use std::collections::BTreeMap;
use std::fmt;

use quarter::gpu::Text;

/// An entry with one bug.
#[derive(Clone, Debug)]
pub struct Mutant {
    pub entry: &'static str,
    /// What was done, in a few words.
    pub kind: &'static str,
    /// The template's file, and its line.
    pub file: &'static str,
    pub at: u32,
    /// Whether it is the last of the places that its statement was expanded to, and not the only one.
    pub last: bool,
    /// The statement, and what it is now.
    pub statement: &'static str,
    pub changed: String,
    /// Where it stands in the entry.
    index: usize,
    lines: &'static Lines,
}

/// An entry on its own: what comes before the first, and its lines with their origins.
#[derive(Debug)]
struct Lines {
    head: &'static str,
    lines: Vec<(&'static str, &'static str, u32)>,
}

impl Mutant {
    /// The text, of this entry alone.
    pub fn text(&self) -> String {
        let mut text = String::from(self.lines.head);
        for (i, (line, ..)) in self.lines.lines.iter().enumerate() {
            text.push_str(if i == self.index { &self.changed } else { line });
            text.push('\n');
        }
        text
    }
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { entry, kind, file, at, last, statement, changed, .. } = self;
        let last = if *last { ", last" } else { "" };
        write!(f, "{file}:{at} {entry} [{kind}{last}] {} -> {}", statement.trim(), changed.trim())
    }
}

fn cut(text: &str, entry: &str) -> &'static Lines {
    let text = Text::find(text).unwrap();
    let head = text.ptx.split_once(".visible").unwrap().0;
    let mut origins = text.origins.iter().peekable();
    let (mut file, mut at, mut inside) = ("", 0, false);
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.ptx.lines()) {
        if let Some(origin) = origins.next_if(|origin| origin.line == number) {
            (file, at) = (origin.file, origin.at);
        }
        if line.contains(".entry") {
            inside = line.contains(&format!(".entry {entry}("));
        }
        if inside {
            lines.push((line, file, at));
        }
    }
    assert!(!lines.is_empty(), "{entry}");
    Box::leak(Box::new(Lines { head, lines }))
}

/// An entry without a bug, alone.
pub fn shipped(text: &str, entry: &str) -> String {
    let lines = cut(text, entry);
    lines.lines.iter().fold(lines.head.to_string(), |text, (line, ..)| text + line + "\n")
}

/// All mutants of an entry: each change of each statement of the template, in the first and in the
/// last place that it was expanded to.
pub fn mutants(text: &str, entry: &'static str) -> Vec<Mutant> {
    let lines = cut(text, entry);
    let mut places = BTreeMap::<_, Vec<Mutant>>::new();
    for (index, (statement, file, at)) in lines.lines.iter().copied().enumerate() {
        for (kind, changed) in Statement::parse(statement).map(|s| s.changes()).unwrap_or_default()
        {
            // Numbers are what tells the places of one macro apart.
            let skeleton: String = statement.chars().filter(|c| !c.is_ascii_digit()).collect();
            let last = false;
            let mutant = Mutant { entry, kind, file, at, last, statement, changed, index, lines };
            places.entry((file, at, skeleton, kind)).or_default().push(mutant);
        }
    }
    let ends = places.into_values().flat_map(|mut all| {
        let mut last = all.split_off(all.len() - 1);
        all.truncate(1);
        last[0].last = !all.is_empty();
        all.into_iter().chain(last)
    });
    ends.collect()
}

/// `LABEL: @guard opcode operands;`
struct Statement<'a> {
    lead: &'a str,
    guard: &'a str,
    opcode: &'a str,
    operands: Vec<&'a str>,
}

impl<'a> Statement<'a> {
    /// `None` for directives, labels and ends of blocks.
    fn parse(line: &'a str) -> Option<Self> {
        let code = line.trim_end().strip_suffix(';')?;
        let mut rest = code.trim_start();
        loop {
            let word = rest.split_whitespace().next()?;
            if word != "{" && !word.ends_with(':') {
                break;
            }
            rest = rest[word.len()..].trim_start();
        }
        let lead = &code[..code.len() - rest.len()];
        let mut guard = "";
        if rest.starts_with('@') {
            (guard, rest) = rest.split_once(' ')?;
        }
        let rest = rest.trim_start();
        let (opcode, operands) = rest.split_once(' ').unwrap_or((rest, ""));
        if opcode.starts_with('.') || opcode == "ret" {
            return None;
        }
        Some(Self { lead, guard, opcode, operands: commas(operands) })
    }

    fn print(&self, guard: &str, opcode: &str, operands: &[&str]) -> String {
        let space = if guard.is_empty() { "" } else { " " };
        format!("{}{guard}{space}{opcode} {};", self.lead, operands.join(", "))
    }

    fn changes(&self) -> Vec<(&'static str, String)> {
        let mut changes = vec![("dropped", self.lead.to_string())];
        let mut put = |kind, changed: String| changes.push((kind, changed));
        let (guard, opcode, operands) = (self.guard, self.opcode, &self.operands[..]);
        if !guard.is_empty() {
            let negated = match guard.strip_prefix("@!") {
                Some(name) => format!("@{name}"),
                None => guard.replace('@', "@!"),
            };
            put("guard negated", self.print(&negated, opcode, operands));
            put("guard lost", self.print("", opcode, operands));
        }
        // Nothing added, nothing shifted: the same either way.
        let none = |o: &&str| matches!(*o, "0" | "0*2" | "0*2 +0") || o.ends_with("*0");
        let zero = operands.last().is_some_and(none);
        for (kind, changed) in opcodes(opcode) {
            if zero && kind == "operation" && !opcode.starts_with("setp") {
                continue;
            }
            put(kind, self.print(guard, &changed, operands));
        }
        if swaps(opcode) && operands.len() >= 3 {
            let mut swapped = operands.to_vec();
            swapped.swap(1, 2);
            if swapped != operands {
                put("operands swapped", self.print(guard, opcode, &swapped));
            }
        }
        if let Some(i) = operands.iter().position(|o| o.starts_with('[')) {
            let bytes = bytes(opcode);
            let shifted = operands[i].replace(']', &format!("+{bytes}]"));
            let mut moved = operands.to_vec();
            moved[i] = &shifted;
            put("next address", self.print(guard, opcode, &moved));
        }
        for (kind, changed) in asynchronous(opcode, operands) {
            let changed: Vec<&str> = changed.iter().map(String::as_str).collect();
            put(kind, self.print(guard, opcode, &changed));
        }
        let number = |o: &&str| o.starts_with(|c: char| c.is_ascii_digit());
        // Another barrier is as good.
        let numbers = operands.iter().rposition(number).filter(|_| !opcode.starts_with("bar"));
        if let Some(i) = numbers {
            let more = format!("({})+1", operands[i]);
            let mut next = operands.to_vec();
            next[i] = &more;
            put("next number", self.print(guard, opcode, &next));
        }
        changes
    }
}

/// What can be wrong with the operands of a copy, a product, or what waits for them.
fn asynchronous(opcode: &str, operands: &[&str]) -> Vec<(&'static str, Vec<String>)> {
    let mut changes = Vec::new();
    let mut put = |kind, place: usize, to: String| {
        let mut changed: Vec<String> = operands.iter().map(|o| o.to_string()).collect();
        changed[place] = to;
        changes.push((kind, changed));
    };
    let last = operands.len() - 1;
    if opcode.contains("try_wait.parity") {
        put("parity", last, "0".into());
        put("parity", last, "1".into());
    }
    if opcode.starts_with("mbarrier.init") || opcode.contains("expect_tx") {
        put("less", last, format!("({})-1", operands[last]));
        put("half", last, format!("({})/2", operands[last]));
    }
    if opcode.starts_with("wgmma.mma_async") {
        // Accumulators, A, B, whether they are kept, signs of A and B.
        put("kept", last - 2, if operands[last - 2] == "1" { "0" } else { "1" }.into());
        put("sign", last - 1, "-1".into());
        put("sign", last, "-1".into());
        put("operand", 1, operands[2].into());
        put("operand", 2, operands[1].into());
    }
    if let Some((place, tensor)) =
        operands.iter().enumerate().find(|(_, o)| o.starts_with('[') && o.contains('{'))
    {
        let inner = tensor.trim_matches(['[', ']']);
        if let Some((map, coordinates)) = inner.split_once(',')
            && let Some((x, y)) = coordinates.trim().trim_matches(['{', '}']).split_once(',')
        {
            put("coordinates", place, format!("[{map}, {{{}, {}}}]", y.trim(), x.trim()));
            put("coordinates", place, format!("[{map}, {{{}, {}}}]", x.trim(), x.trim()));
        }
    }
    let wide = |o: &&str| o.starts_with("0x") && o.len() == 18;
    if let Some(place) = operands.iter().position(wide) {
        let bits = u64::from_str_radix(&operands[place][2..], 16).unwrap_or(0);
        // Fields of a descriptor: leading and stride offsets, base offset, swizzle.
        for (kind, bit) in [
            ("leading offset", 16),
            ("stride offset", 32),
            ("stride offset", 38),
            ("base offset", 49),
            ("swizzle", 62),
            ("swizzle", 63),
        ] {
            put(kind, place, format!("{:#018x}", bits ^ 1 << bit));
        }
    }
    changes
}

/// Operands, cut at the commas outside of braces and brackets.
fn commas(operands: &str) -> Vec<&str> {
    let (mut depth, mut from, mut found) = (0, 0, Vec::new());
    for (i, c) in operands.char_indices() {
        match c {
            '{' | '[' | '(' => depth += 1,
            '}' | ']' | ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(operands[from..i].trim());
                from = i + 1;
            }
            _ => {}
        }
    }
    found.push(operands[from..].trim());
    found
}

/// Bytes that an access moves.
fn bytes(opcode: &str) -> usize {
    let bits =
        opcode.rsplit('.').next().unwrap_or("").trim_start_matches(|c: char| !c.is_ascii_digit());
    let each = bits.parse().unwrap_or(32usize) / 8;
    let many = if opcode.contains(".v4") {
        4
    } else if opcode.contains(".v2") {
        2
    } else {
        1
    };
    (each * many).max(1)
}

/// Whether the order of the sources matters.
fn swaps(opcode: &str) -> bool {
    let first = opcode.split('.').next().unwrap_or("");
    matches!(first, "sub" | "selp" | "shl" | "shr" | "div" | "prmt" | "mov")
        || opcode.ends_with("x2.f32")
        || first == "setp" && ["lt", "le", "gt", "ge"].iter().any(|c| opcode.contains(c))
}

/// The same operation, nearly.
fn opcodes(opcode: &str) -> Vec<(&'static str, String)> {
    const OTHERS: [(&str, &str, &str); 24] = [
        ("comparison", ".lt.", ".le."),
        ("comparison", ".le.", ".lt."),
        ("comparison", ".gt.", ".ge."),
        ("comparison", ".ge.", ".gt."),
        ("comparison", ".eq.", ".ne."),
        ("comparison", ".ne.", ".eq."),
        ("operation", "add.", "sub."),
        ("operation", "sub.", "add."),
        ("operation", "mul.rn.", "add.rn."),
        ("operation", "max.", "min."),
        ("operation", "min.", "max."),
        ("operation", "and.b", "or.b"),
        ("operation", "or.b", "and.b"),
        ("operation", "xor.b", "or.b"),
        ("operation", "shl.", "shr."),
        ("operation", "shr.", "shl."),
        ("operation", ".bfly.", ".up."),
        ("join", ".and.", ".or."),
        ("join", ".or.", ".and."),
        ("NaN", ".NaN", ""),
        ("format", "e4m3", "e5m2"),
        ("format", "e5m2", "e4m3"),
        ("format", "bf16", "f16"),
        ("format", ".f16", ".bf16"),
    ];
    let mut found = Vec::new();
    for (kind, from, to) in OTHERS {
        // `shl.b32` has no `shl.u32`, nor `shr.u32` a `shl.u32`.
        let changed = opcode.replacen(from, to, 1).replace("shl.u", "shl.b");
        // `xor` holds an `or`, `bf16` an `f16`.
        let part = from.starts_with("or.b") && opcode.starts_with("xor");
        if opcode.contains(from) && !part && changed != opcode {
            found.push((kind, changed));
        }
    }
    found
}
