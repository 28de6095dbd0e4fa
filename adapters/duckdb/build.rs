//! Tells the linker, and the program when it starts, where DuckDB's prebuilt library is.

use std::{env, path::Path};

fn main() {
    println!("cargo:rerun-if-env-changed=DUCKDB_LIB_DIR");
    if env::var_os("CARGO_FEATURE_BUNDLED").is_some() {
        return;
    }
    let Some(folder) = env::var_os("DUCKDB_LIB_DIR") else { return };
    let folder = Path::new(&folder);
    println!("cargo:rerun-if-changed={}", folder.display());
    if !folder.is_dir() {
        println!(
            "cargo::error=DuckDB's library is not in {}: run `cargo xtask setup` once, or build with `--features bundled` (half an hour)",
            folder.display()
        );
        return;
    }
    println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
}
