"""The command `kizuna`: one file per command, each of them parse, call, print."""
