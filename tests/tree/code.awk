# Leaves the code of C files: comments go, and what is in quotes, but for the names in #include lines. Prints FILE:LINE:CODE.
FNR == 1 { inside = 0 }
{
	line = $0; code = ""
	include = !inside && line ~ /^[ \t]*#[ \t]*include/
	while (line != "") {
		if (inside) {
			end = index(line, "*/")
			if (!end) { line = ""; break }
			line = substr(line, end + 2); inside = 0
			continue
		}
		if (!match(line, include ? "/[*]|//" : "/[*]|//|\"|'")) { code = code line; break }
		what = substr(line, RSTART, RLENGTH)
		code = code substr(line, 1, RSTART - 1); line = substr(line, RSTART + RLENGTH)
		if (what == "//") break
		if (what == "/*") { inside = 1; continue }
		code = code what what
		while (line != "") {
			c = substr(line, 1, 1); line = substr(line, 2)
			if (c == "\\") line = substr(line, 2)
			else if (c == what) break
		}
	}
	if (code !~ /^[ \t]*$/) print FILENAME ":" FNR ":" code
}
