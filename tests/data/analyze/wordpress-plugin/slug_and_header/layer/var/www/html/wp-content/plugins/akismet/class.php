<?php // no header
class X { public $version = "1"; }
