mod handover;
mod person;
