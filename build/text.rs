//! From the preprocessor's output to the final text and the lines it comes from.

/// From line `line` of the text up to the next origin, all is of line `at` of `file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub line: u32,
    pub file: String,
    pub at: u32,
}

/// The text without markers and blank lines, one statement a line, and its origins.
///
/// A macro call becomes one line of the preprocessor's; it is cut behind each `;`, so that what
/// ptxas says of one statement is not said of all.
pub fn finish(expanded: &str) -> (String, Vec<Origin>) {
    let (mut text, mut origins) = (String::new(), Vec::<Origin>::new());
    let (mut file, mut at, mut line) = (String::new(), 0, 1);
    for source in expanded.lines() {
        if let Some((to, of)) = marker(source) {
            (at, file) = (to, of);
            continue;
        }
        for statement in statements(source) {
            if origins.last().is_none_or(|last| (last.at, &last.file) != (at, &file)) {
                origins.push(Origin { line, file: file.clone(), at });
            }
            text.push_str(statement);
            text.push('\n');
            line += 1;
        }
        at += 1;
    }
    (text, origins)
}

/// `# 12 "ptx/cast.ptx" 2`
fn marker(line: &str) -> Option<(u32, String)> {
    let (number, rest) = line.strip_prefix("# ")?.split_once(' ')?;
    let file = rest.strip_prefix('"')?.split('"').next()?;
    Some((number.parse().ok()?, file.to_string()))
}

/// Pieces of a line, each up to a semicolon; comments and blank pieces are left out.
fn statements(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or("").trim_end();
    // The first piece keeps its indent if it is the only one.
    let many = code.matches(';').count() > 1;
    code.split_inclusive(';')
        .map(move |s| if many { s.trim() } else { s })
        .filter(|s| !s.trim().is_empty())
}

/// The text with a line marker before each line, for ptxas.
pub fn marked(text: &str, origins: &[Origin]) -> String {
    let mut marked = String::new();
    let mut origins = origins.iter().peekable();
    let mut marker = String::new();
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(origin) = origins.next_if(|origin| origin.line == line) {
            marker = format!("# {} \"{}\"\n", origin.at, origin.file);
        }
        marked.push_str(&marker);
        marked.push_str(text);
        marked.push('\n');
    }
    marked
}
