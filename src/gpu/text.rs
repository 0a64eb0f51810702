//! The kernels' text, as `build.rs` made it of `ptx/`.

/// One kernel family.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// Its template's stem: `ptx/NAME.ptx`.
    pub name: &'static str,
    /// The final PTX, without line markers and paths.
    pub ptx: &'static str,
    /// Where its lines come from, ascending.
    pub origins: &'static [Origin],
    /// The same, assembled for sm_90a; with feature `cubin` only.
    pub cubin: Option<&'static [u8]>,
}

/// From line `line` of the text up to the next origin, all is of one line of a template: what a
/// macro call has become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Line of the final text, from 1.
    pub line: u32,
    /// The template, below the crate's root.
    pub file: &'static str,
    /// Its line, from 1.
    pub at: u32,
}

include!(concat!(env!("OUT_DIR"), "/texts.rs"));

impl Text {
    /// All texts, by name.
    pub fn all() -> &'static [Self] {
        ALL
    }

    /// Registers and shared memory of every entry, tab-separated with a head; `None` if no ptxas
    /// was found when the crate was built.
    pub fn resources() -> Option<&'static str> {
        let table = include_str!(concat!(env!("OUT_DIR"), "/resources.tsv"));
        (!table.is_empty()).then_some(table)
    }

    /// The text of a template.
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|text| text.name == name)
    }

    /// The CUDA C++ twins of the kernels, as nvcc compiled them (feature `twins`): entries of the
    /// same names, with the same parameters and bits. Empty if no nvcc was found when the crate
    /// was built.
    pub fn twins() -> &'static [Self] {
        TWINS
    }

    /// The twin that has an entry.
    pub fn twin_of(entry: &str) -> Option<&'static Self> {
        TWINS.iter().find(|text| text.entries().any(|name| name == entry))
    }

    /// Names of its entries, in order.
    pub fn entries(&self) -> impl Iterator<Item = &'static str> {
        let name = |rest: &'static str| rest.split(['(', ' ', '\n']).find(|s| !s.is_empty());
        self.ptx.split(".entry ").skip(1).filter_map(name)
    }

    /// The text with a GNU line marker before each line, as ptxas and the emulator read them:
    /// their errors then name the template's line.
    pub fn marked(&self) -> String {
        let mut marked = String::with_capacity(2 * self.ptx.len());
        let mut origins = self.origins.iter().peekable();
        let mut marker = String::new();
        for (line, text) in (1..).zip(self.ptx.lines()) {
            if let Some(origin) = origins.next_if(|origin| origin.line == line) {
                marker = format!("# {} \"{}\"\n", origin.at, origin.file);
            }
            marked.push_str(&marker);
            marked.push_str(text);
            marked.push('\n');
        }
        marked
    }
}
