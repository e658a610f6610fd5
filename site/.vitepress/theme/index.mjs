// The default theme with the fonts of the reader's system, so that pages load none.
import theme from 'vitepress/theme-without-fonts'
import './site.css'

export default theme
