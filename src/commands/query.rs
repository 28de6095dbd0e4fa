//! `lakebed query`: asks the warehouse.

use std::{fs::File, io::Write};

use arrow::{csv::WriterBuilder, json::LineDelimitedWriter, util::pretty::pretty_format_batches};

use super::{Failure, open, output};
use crate::{
    cli::{Format, Place, QueryArgs},
    data_folder::DataFolder,
    warehouse::QueryResult,
};

pub fn query(place: &Place, args: &QueryArgs) -> Result<(), Failure> {
    let format = if place.json { Format::Json } else { args.format };
    if format == Format::Parquet && args.output.is_none() {
        return Err(Failure::usage("Parquet is not for a terminal").hint("add --output FILE"));
    }
    let prelude = open::functions(place)?;
    let data = DataFolder::new(&place.data);
    if !data.warehouse().exists() {
        return Err(open::no_data(&data));
    }
    let warehouse = open::warehouse(&data, &prelude, &place.machine, true)?;
    let result = warehouse.session()?.query(&args.sql).map_err(|error| {
        let place = error.offset().and_then(|offset| args.sql.get(..offset)).map_or(0, str::len);
        let text: std::sync::Arc<str> = args.sql.as_str().into();
        let word =
            args.sql[place..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').count();
        Failure::from(
            crate::diagnostic::FileError::new(
                std::path::Path::new("query"),
                &text,
                place..place + word.max(1),
                error.to_string(),
            )
            .with_help("`lakebed show` lists the tables, `lakebed show TABLE` their columns"),
        )
    })?;
    let Some(path) = &args.output else {
        let mut text = Vec::new();
        write(&result, format, &mut text)?;
        return output::print(&String::from_utf8_lossy(&text));
    };
    let file = File::create(path)
        .map_err(|error| Failure::data(error).hint(format!("cannot write {}", path.display())))?;
    write(&result, format, file)
}

fn write(result: &QueryResult, format: Format, mut sink: impl Write + Send) -> Result<(), Failure> {
    match format {
        Format::Table => {
            let mut batches = result.batches.clone();
            if batches.is_empty() {
                batches.push(arrow::array::RecordBatch::new_empty(result.schema.clone()));
            }
            let table = pretty_format_batches(&batches).map_err(Failure::data)?;
            writeln!(sink, "{table}").map_err(output::failed)
        }
        Format::Csv => {
            let mut writer = WriterBuilder::new().with_header(true).build(&mut sink);
            if result.batches.is_empty() {
                let empty = arrow::array::RecordBatch::new_empty(result.schema.clone());
                writer.write(&empty).map_err(Failure::data)?;
            }
            result.batches.iter().try_for_each(|batch| writer.write(batch)).map_err(Failure::data)
        }
        Format::Json => {
            let mut writer = LineDelimitedWriter::new(&mut sink);
            let batches: Vec<_> = result.batches.iter().collect();
            writer.write_batches(&batches).and_then(|()| writer.finish()).map_err(Failure::data)
        }
        Format::Parquet => {
            let mut writer =
                parquet::arrow::ArrowWriter::try_new(sink, result.schema.clone(), None)
                    .map_err(Failure::data)?;
            result
                .batches
                .iter()
                .try_for_each(|batch| writer.write(batch))
                .map_err(Failure::data)?;
            writer.close().map(|_| ()).map_err(Failure::data)
        }
    }
}
