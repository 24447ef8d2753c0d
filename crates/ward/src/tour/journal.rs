//! The journal, held against a checkpoint that was kept outside, then against forged copies.
//!
//! The insider of these steps has the whole disk and every key on it: his copies have right
//! checksums, a right tree and a right signature. Only the checkpoint that left is not his.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ward_model::Record;
use ward_tlog::Checkpoint;

use super::Tour;
use crate::offline::{Insider, checkpoint};

/// What the insider does to the records.
type Edit = fn(&mut Vec<Record>);

impl Tour {
    /// Verified, then tampered with in four ways.
    pub(super) async fn journal_is_checked(&mut self) -> Result<()> {
        let early = self.copy("rolled-back")?;
        // Something must be recorded after that copy, or rolling back would cut nothing.
        let customer = self.at("customer.token")?;
        self.gate.with(&customer).get("/me").await?;
        let note = self.api.get("/journal/checkpoint").await?;
        let outside = checkpoint(&String::from_utf8_lossy(&note.body))?;
        let dir = self.dir.clone();
        let whole = self.copy("copy")?;
        let insider = Insider::open(&dir, None)?;
        let got = judged(&insider, &whole, &outside);
        self.step("the journal agrees with a checkpoint kept outside", "sound", async { got })
            .await;

        let records = insider.records(&whole)?;
        let forgeries: [(&'static str, &str, Edit); 3] = [
            ("a record changed, checksum and tree made right", "changed", change),
            ("the tail cut off", "cut", cut),
            ("two records swapped", "swapped", swap),
        ];
        for (name, place, edit) in forgeries {
            let copy = self.place(place)?;
            let mut forged = records.clone();
            edit(&mut forged);
            insider.forge(&copy, forged)?;
            let got = judged(&insider, &copy, &outside);
            self.step(name, "found", async { got }).await;
        }
        let got = judged(&insider, &early, &outside);
        self.step("the directory rolled back", "found", async { got }).await;
        std::fs::remove_dir_all(self.dir.join("tour")).context("the tour's copies")?;
        Ok(())
    }

    /// A copy of the journal as it lies on disk now.
    fn copy(&self, name: &str) -> Result<PathBuf> {
        let to = self.place(name)?;
        copy_dir(&self.dir.join("journal"), &to)?;
        Ok(to)
    }

    fn place(&self, name: &str) -> Result<PathBuf> {
        let place = self.dir.join("tour").join(name);
        if place.exists() {
            std::fs::remove_dir_all(&place).context("an old copy")?;
        }
        std::fs::create_dir_all(&place).context("a copy")?;
        Ok(place)
    }
}

fn judged(insider: &Insider, copy: &Path, outside: &Checkpoint) -> Result<String> {
    let report = insider.verify(copy, Some(outside.clone()))?;
    let word = if report.is_good() && report.outside { "sound" } else { "found" };
    Ok(word.to_owned())
}

/// One permitted read becomes somebody else's.
#[expect(clippy::ptr_arg, reason = "one of several edits of one type")]
fn change(records: &mut Vec<Record>) {
    let mut rows = records.iter_mut().filter_map(|record| match record {
        Record::AccessRow(row) => Some(row),
        _ => None,
    });
    if let Some(row) = rows.next() {
        row.principal.0 += 1;
    }
}

fn cut(records: &mut Vec<Record>) {
    records.truncate(records.len().saturating_sub(3));
}

#[expect(clippy::ptr_arg, reason = "one of several edits of one type")]
fn swap(records: &mut Vec<Record>) {
    let last = records.len().saturating_sub(1);
    if last > 2 {
        records.swap(last - 1, last);
    }
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &place)?;
        } else {
            std::fs::copy(entry.path(), place)?;
        }
    }
    Ok(())
}
