//! Folders in which a warehouse and an engine exchange rows.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use lakebed_core::error_kind::ErrorKind;
use lakebed_ports::{
    engine::{Area, Exchange},
    port_error::PortError,
};
use tempfile::TempDir;

/// Areas are folders within one folder. Nothing stays there but of a killed process.
pub struct LocalExchange(PathBuf);

impl LocalExchange {
    /// Within this folder, which is made when it is needed.
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Takes away what killed processes have left; nobody else may use the folder.
    pub fn clear(&self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Exchange for LocalExchange {
    fn area(&self) -> Result<Box<dyn Area>, PortError> {
        let made = fs::create_dir_all(&self.0)
            .and_then(|()| tempfile::Builder::new().prefix("rows-").tempdir_in(&self.0));
        let folder = made.map_err(|error| unwritable(&self.0, error))?;
        Ok(Box::new(LocalArea(folder)))
    }
}

struct LocalArea(TempDir);

impl Area for LocalArea {
    fn place(&self, name: &str) -> Result<String, PortError> {
        let place = self.0.path().join(name);
        fs::create_dir(&place).map_err(|error| unwritable(&place, error))?;
        Ok(place.display().to_string())
    }
}

fn unwritable(folder: &Path, error: io::Error) -> PortError {
    let message = format!("cannot exchange rows in {}", folder.display());
    PortError::new(ErrorKind::FixInput, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_area_is_there_as_long_as_it_is_needed() {
        let folder = tempfile::tempdir().expect("a folder");
        let exchange = LocalExchange::new(folder.path().join("exchange"));
        let [one, other] = [(); 2].map(|()| exchange.area().expect("an area"));
        let places = [&one, &other].map(|area| area.place("mart.t").expect("a place"));
        assert_ne!(places[0], places[1]);
        assert!(one.place("mart.t").is_err(), "a place is empty when it is given");
        drop(one);
        assert!(!Path::new(&places[0]).exists());
        assert!(Path::new(&places[1]).is_dir());
        exchange.clear();
        assert!(!Path::new(&places[1]).exists());
    }
}
