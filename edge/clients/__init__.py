"""Doors to what is outside the node.

`day_list_files` (spreadsheets that stations keep) within `workbook_bounds`; `http_central` (the centre over HTTP);
`signer_setting` (which organisation key the settings name).
"""
