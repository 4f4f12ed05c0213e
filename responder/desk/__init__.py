"""The desk: judged mentions become cases, each somebody's own, held while it is answered."""
