<?php
/*
 * Plugin Name: A
 * 