-- Replaced when another change brings step 12.
SELECT 1;
