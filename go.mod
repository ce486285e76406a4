module haven

go 1.26
