"""One vaccination day, played for real: `make demo`.

Reading order: `people` (who lives in the two communes), `day_lists` (the XLSX files that their
stations keep), `story` (clock, narration, progress), `processes` (each site and the centre as a
process of its own), `day` (the plot), `summary` (the table whose sums must agree), `__main__`.
"""
