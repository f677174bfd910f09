DROP TABLE remembered_ids;
