//! The build: from templates to texts, and what is made of what ptxas says.

#[path = "../../build/ptxas.rs"]
mod ptxas;
#[path = "../../build/template.rs"]
mod template;
#[path = "../../build/text.rs"]
mod text;

mod assembler;
mod search;
mod shipped;
mod texts;
