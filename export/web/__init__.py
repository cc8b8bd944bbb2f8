"""The page of export/clients/web with bundles in it, for this machine or for a web server.

site.py says which files there are, litert_js.py finds or installs LiteRT.js, server.py serves them
on the loopback and folder.py writes them for any web server. No TensorFlow here.
"""
