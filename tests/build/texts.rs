//! From the preprocessor's output to a text.

use crate::text::{Origin, finish, marked};

fn origin(line: u32, file: &str, at: u32) -> Origin {
    Origin { line, file: file.into(), at }
}

const EXPANDED: &str = r#"# 0 "ptx/cast.ptx"
# 1 "ptx/cast.ptx"
// A comment; with semicolons; and an apostrophe's.
# 1 "ptx/head.inc" 1
.version 8.0 // behind it

# 3 "ptx/cast.ptx" 2
.visible .entry cast(.param .b64 p)
{
    add.u32 %a, %a, 1; // one; two
    mov.b32 %a, 0; mov.b32 %b, 1;   mov.b32 %c, 2;

LOOP: add.u32 %a, %a, 1; @%p bra LOOP;
    fma.rn.f32 %a,
        %b, %c, %d;
}
"#;

const TEXT: &str = ".version 8.0
.visible .entry cast(.param .b64 p)
{
    add.u32 %a, %a, 1;
mov.b32 %a, 0;
mov.b32 %b, 1;
mov.b32 %c, 2;
LOOP: add.u32 %a, %a, 1;
@%p bra LOOP;
    fma.rn.f32 %a,
        %b, %c, %d;
}
";

#[test]
fn one_statement_a_line_without_comments_and_markers() {
    assert_eq!(finish(EXPANDED).0, TEXT);
}

#[test]
fn origins_name_the_templates_lines() {
    let cast = |line, at| origin(line, "ptx/cast.ptx", at);
    let expected = [
        origin(1, "ptx/head.inc", 1),
        cast(2, 3),
        cast(3, 4),
        cast(4, 5),
        // Three statements of one line.
        cast(5, 6),
        cast(8, 8),
        cast(10, 9),
        cast(11, 10),
        cast(12, 11),
    ];
    assert_eq!(finish(EXPANDED).1, expected);
}

#[test]
fn nothing_becomes_nothing() {
    assert_eq!(finish(""), (String::new(), Vec::new()));
    assert_eq!(finish("# 1 \"ptx/x.ptx\"\n\n  // ;\n"), (String::new(), Vec::new()));
}

#[test]
fn the_same_line_of_another_file_is_another_origin() {
    let (text, origins) = finish("# 7 \"a.inc\"\nret;\n# 7 \"b.inc\"\nret;\n");
    assert_eq!(text, "ret;\nret;\n");
    assert_eq!(origins, [origin(1, "a.inc", 7), origin(2, "b.inc", 7)]);
}

#[test]
fn each_line_is_marked() {
    let origins = [origin(1, "a.inc", 7), origin(3, "b.inc", 2)];
    let expected = "# 7 \"a.inc\"\nx;\n# 7 \"a.inc\"\ny;\n# 2 \"b.inc\"\nz;\n";
    assert_eq!(marked("x;\ny;\nz;\n", &origins), expected);
}
