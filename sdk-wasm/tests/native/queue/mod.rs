mod compaction;
mod model;
mod room;
