mod withdrawal;
