<?php
/*
 * Plugin Name: Bom
 * Version: 2.0
 */
