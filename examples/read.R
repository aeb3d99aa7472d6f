# The last loss of every run on each of its languages.
library(hdf5r)
file <- H5File$new(commandArgs(TRUE)[1], mode = "r")
columns <- function(group) sapply(names(file[[group]]), function(name) file[[group]][[name]][], simplify = FALSE)
frame <- function(group) as.data.frame(columns(group))
losses <- frame("losses")
losses <- losses[losses$set == "test", ]
last <- losses[!duplicated(losses[c("run", "language")], fromLast = TRUE), ]
table <- merge(last, frame("runs")[c("run", "name", "size", "status")], by = "run")
table <- table[order(table$run, table$language), c("run", "name", "size", "status", "language", "cross_entropy")]
write.csv(table, row.names = FALSE, quote = FALSE)
