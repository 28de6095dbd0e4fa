//! A file that is added counts as a change; `include_dir` tells cargo only of those that it has seen.

fn main() {
    println!("cargo::rerun-if-changed=../layers");
    println!("cargo::rerun-if-changed=../scenarios");
}
